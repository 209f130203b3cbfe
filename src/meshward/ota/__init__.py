"""Updating firmware: what to send to whom, when, and what proves that it worked. No I/O in here."""
