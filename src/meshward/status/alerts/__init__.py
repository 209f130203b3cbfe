"""Rules, and the life of the alerts that come of them. Cores without I/O."""
