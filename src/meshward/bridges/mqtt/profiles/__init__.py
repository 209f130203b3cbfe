"""How payloads look: one profile is ours, one is for what reads Alteriom's schemas."""
