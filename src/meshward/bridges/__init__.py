"""Bridges: the mesh in other programs. Each runs beside the gateway, and none can hold it up."""
