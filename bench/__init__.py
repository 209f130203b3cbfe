"""Measurements of what the README claims: `python -m bench [NAME ...]`, or `make bench`."""
