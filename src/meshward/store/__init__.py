"""What the gateway keeps on disk: one SQLite database, and the files of the firmware library beside it.

The functions of the modules take a connection and no thread or loop, so that the daemon, the simulator
and tools without a daemon store in the same way. `database.Database` runs them for the daemon.
"""
