"""What lies where in a data directory."""

DATABASE = "meshward.db"
"""The database; SQLite keeps `-wal` and `-shm` files beside it while it is open."""
FIRMWARE = "firmware"
"""Directory of the firmware library's files."""
LOCK = "lock"
"""Held by the daemon that uses the directory."""
ENDPOINT = "daemon.json"
"""Where a running daemon is reached, for the command line; only its owner can read it."""
TEMPORARY = "tmp"
"""Directory of what is made and soon gone; whoever holds the lock may empty it."""
DISK_LOW_BYTES = 200 * 1024 * 1024
"""With less room than that it is time to tell somebody."""
