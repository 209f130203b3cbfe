"""From a file and options to what a rollout is asked to do."""

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from meshward.cli.durations import parse_duration, parse_start
from meshward.cli.errors import UsageError
from meshward.cli.written import NodeOf, parse_amount, parse_window, waves_of
from meshward.rollout.spec import RolloutSpec

if TYPE_CHECKING:
    from meshward.cli.rollout_create import CreateOptions

T = TypeVar("T")

_FILE_BYTES_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class Given:
    """What a user gave."""

    options: "CreateOptions"
    file: dict[str, Any]
    """The fields of `RolloutSpec`, as in the file of --spec."""
    node_of: NodeOf
    now: datetime
    """On this machine's clock, without a zone."""


def read_spec(path: Path) -> dict[str, Any]:
    """The fields of a rollout from a TOML or JSON file. Raises UsageError."""
    try:
        with path.open("rb") as handle:
            data = handle.read(_FILE_BYTES_MAX)
        fields = msgspec.json.decode(data) if path.suffix == ".json" else tomllib.loads(data.decode())
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    except (msgspec.DecodeError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise UsageError(f"{path} is not valid {kind}: {error}") from None
    if not isinstance(fields, dict):
        raise UsageError(f"{path} must hold the fields of a rollout, as images, target and waves")
    try:
        msgspec.convert({"name": "", "images": [], "target": {"roles": []}, **fields}, RolloutSpec)
    except msgspec.ValidationError as error:
        raise UsageError(f"{path}: {error}") from None
    return fields


def build(given: Given, *, images: Sequence[str], rollback_to: Sequence[str], name: str) -> RolloutSpec:
    """The rollout; `name` where the user gave none. Raises UsageError naming the option."""
    fields: dict[str, Any] = {
        "name": name,
        **given.file,
        "images": list(images),
        "rollback_to": list(rollback_to),
    }
    fields["target"] = _target(given)
    fields["transfer"] = _transfer(given)
    if (waves := _waves(given)) is not None:
        fields["waves"] = waves
    fields.update(_plain(given))
    try:
        return msgspec.convert(fields, RolloutSpec)
    except msgspec.ValidationError as error:
        raise UsageError(f"the rollout cannot be so: {error}") from None


def _target(given: Given) -> dict[str, Any]:
    options = given.options
    target = dict(given.file.get("target", {}))
    if options.role:
        target["roles"] = options.role
    if not target.get("roles"):
        raise UsageError("say for which boards: --role ROLE, as given to initOTAReceive() in their sketch")
    for field, option, texts in (
        ("nodes", "--nodes", options.nodes),
        ("exclude", "--exclude", options.exclude),
    ):
        if texts:
            target[field] = [
                _option(option, given.node_of, part.strip())
                for text in texts
                for part in text.split(",")
                if part.strip()
            ]
    if options.tag:
        target["tags"] = options.tag
    if options.version:
        target["versions"] = options.version
    return target


def _transfer(given: Given) -> dict[str, Any]:
    options = given.options
    chosen = {"strategy": options.strategy, "chip": options.chip, "force": options.force or None}
    return {
        **given.file.get("transfer", {}),
        **{key: value for key, value in chosen.items() if value is not None},
    }


def _waves(given: Given) -> Any:
    """The waves that options ask for; None where they say nothing of them."""
    options = given.options
    changed = options.canary is not None or options.soak is not None or options.manual
    if not options.wave and not changed:
        return None
    if "waves" in given.file and not options.wave:
        raise UsageError("the file has waves of its own: change them there, or give all with --wave")
    try:
        waves = waves_of(
            options.wave or [],
            canary=options.canary,
            soak=options.soak,
            manual=options.manual,
            node_of=given.node_of,
        )
    except (ValueError, msgspec.ValidationError) as error:
        raise UsageError(f"the waves (--wave, --canary, --soak): {error}") from None
    return msgspec.to_builtins(waves)


def _plain(given: Given) -> dict[str, Any]:
    """Fields that an option each sets."""
    options = given.options
    fields = {
        "name": options.name,
        "notes": options.notes,
        "failure_budget": _if_given("--budget", parse_amount, options.budget),
        "on_failure": options.on_failure,
        "approval": options.approval or None,
        "start_at": _if_given("--start", lambda text: parse_start(text, given.now), options.start),
        "absent_wait_s": _if_given("--wait-absent", parse_duration, options.wait_absent),
        "late_joiners": options.late_joiners,
    }
    if options.window:
        windows = [_option("--window", parse_window, text) for text in options.window]
        fields["windows"] = msgspec.to_builtins(windows)
    return {key: value for key, value in fields.items() if value is not None}


def _if_given(option: str, read: Callable[[str], T], text: str | None) -> T | None:
    return None if text is None else _option(option, read, text)


def _option(option: str, read: Callable[[str], T], text: str) -> T:
    try:
        return read(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
