"""Groups of fields that a status query can ask for."""

# What of METRICS belongs to a group, by name. "firmware" is texts only: version, MD5, hardware and role.
GROUPS = {
    "heap": ("heap_free_bytes", "heap_min_bytes", "heap_block_bytes"),
    "link": ("rssi_dbm", "nodes", "links", "reconnects"),
    "traffic": (
        "messages_received",
        "messages_sent",
        "messages_dropped",
        "bytes_received",
        "bytes_sent",
    ),
    "power": ("loop_max_ms", "cpu_percent", "temperature_c", "battery_percent"),  # of computing, too
    "firmware": (),
}
FIRMWARE = "firmware"


def names_of(groups: list) -> list[str]:
    """Names of the metrics in some groups, unknown ones left out; in all groups where none is named."""
    return [name for group in groups or GROUPS for name in GROUPS.get(group, ())]
