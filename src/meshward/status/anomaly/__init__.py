"""What is unlike itself or its peers, and what runs out. Cores without I/O."""
