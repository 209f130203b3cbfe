"""Staged rollouts: one image to many nodes in waves, with gates between, and back again where it breaks them.

Cores without I/O: time, randomness and images are given, what is to be kept and sent is handed out.
"""
