"""`python -m bench [NAME ...] [--list] [--json] [--full] [--scale X]`."""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence

from bench import (
    alarms,
    anomaly,
    bridges,
    dashboard,
    gateway_api,
    gateway_idle,
    gateway_rollout,
    gateway_stream,
    health_load,
    history,
    idle,
    join,
    mqtt_bytes,
    relay,
    relay_tcp,
    telemetry,
    update,
    world,
)
from bench.settings import Settings

MEASUREMENTS = {
    "relay": relay,
    "relay-tcp": relay_tcp,
    "join": join,
    "world": world,
    "idle": idle,
    "update": update,
    "daemon-idle": gateway_idle,
    "api": gateway_api,
    "stream": gateway_stream,
    "rollout": gateway_rollout,
    "telemetry": telemetry,
    "health-load": health_load,
    "anomaly": anomaly,
    "alarms": alarms,
    "history": history,
    "dashboard": dashboard,
    "mqtt_bytes": mqtt_bytes,
    "bridges": bridges,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was named; the exit status."""
    options = _parser().parse_args(arguments)
    if options.list:
        for name, measurement in MEASUREMENTS.items():
            print(f"{name:11} {measurement.SUMMARY}")
        return 0
    settings = Settings(full=options.full, scale=options.scale)
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, load {_load()} at the start"
    if not options.json:
        print(f"{machine}\n")
    results = {}
    for name in options.names or MEASUREMENTS:
        started = time.monotonic()
        print(f"{name} ...", file=sys.stderr, flush=True)
        tables = MEASUREMENTS[name].measure(settings)
        results[name] = [table.as_dict() for table in tables]
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
        if not options.json:
            for table in tables:
                print(table.text(_command(name, options)), flush=True)
    if options.json:
        print(json.dumps({"machine": machine, "measurements": results}))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bench", description="Measure what the README claims.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", choices=[[], *MEASUREMENTS], help="all by default"
    )
    parser.add_argument("--list", action="store_true", help="list the measurements")
    parser.add_argument("--json", action="store_true", help="print one object")
    parser.add_argument("--full", action="store_true", help="also the cases that take many minutes")
    parser.add_argument("--scale", type=float, default=1.0, help="measure for so many times the usual time")
    return parser


def _command(name: str, options: argparse.Namespace) -> str:
    words = [name] + ["--full"] * options.full + [f"--scale {options.scale:g}"] * (options.scale != 1)
    return f"make bench ARGS={words[0]}" if len(words) == 1 else f'make bench ARGS="{" ".join(words)}"'


def _load() -> str:
    try:
        return f"{os.getloadavg()[0]:.1f}"
    except OSError:
        return "unknown"


if __name__ == "__main__":
    sys.exit(main())
