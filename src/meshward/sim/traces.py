"""Days of a board's life as plain lists, for benches."""

from collections.abc import Mapping

from meshward.sim.life import Life, Reading
from meshward.sim.stories import Story

DAY_S = 86_400
DAYS: Mapping[str, tuple[Story, ...]] = {
    "calm": (),
    "busy": (Story.read("busy"),),
    "leaking": (Story.read("leak:800"),),
    "flapping": (Story.read("flap:20"),),
}
"""Kinds of days, by the stories that make them."""


def trace(life: Life, seconds: float, every_s: float = 60.0, start_us: int = 0) -> list[Reading]:
    """What the board measures every `every_s` seconds of its clock, from one interval after `start_us` on."""
    step_us = round(every_s * 1e6)
    return [life.read(start_us + step_us * count) for count in range(1, int(seconds / every_s) + 1)]


def day(
    kind: str, *, seed: int = 1, node_id: int = 1001, hardware: str = "ESP32", every_s: float = 60.0
) -> list[Reading]:
    """One of `DAYS`, from midnight to midnight. Raises KeyError."""
    return trace(Life(node_id, hardware, seed=seed, stories=DAYS[kind]), DAY_S, every_s)
