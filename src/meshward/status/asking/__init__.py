"""Asking boards for their status, and for telemetry. Cores without I/O."""
