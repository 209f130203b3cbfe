"""What a mesh is called in the programs of others."""


def mesh_name(configured: str, own_id: int | None) -> str:
    """The name in the configuration, else one of the gateway's own id; "" while that is not known."""
    return configured or ("" if own_id is None else f"mesh-{own_id}")
