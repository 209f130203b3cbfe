"""A painlessMesh node without I/O, in the dialect that CPython and MicroPython share."""
