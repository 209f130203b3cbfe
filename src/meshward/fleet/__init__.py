"""A virtual fleet: many real nodes over real TCP, in one process on this machine."""
