"""The gateway: one daemon that keeps the mesh, remembers everything and serves it.

`service` has the use cases; the web, the bridges and the command line see nothing else of it.
"""
