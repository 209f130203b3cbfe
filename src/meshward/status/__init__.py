"""What boards tell of themselves. Cores without I/O."""
