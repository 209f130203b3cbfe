"""The rules in force: ours, changed by a file, changed by the API.

The file has a table for each rule that is to be other than usual, and one for each rule of one's own:

    [weak_link]
    below = -88
    for = "10m"

    [custom.cold_store]
    metric = "ambient_temperature_c"
    above = -15
    clear = -18
    for = "15m"
    severity = "critical"
    tags = ["freezer"]
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from meshward.errors import InvalidError, SettingsError, UnknownItemError
from meshward.status.alerts.defaults import DEFAULTS
from meshward.status.alerts.rule import Rule
from meshward.status.alerts.rule_values import NAME, ValueKeyError, changed, unknown
from meshward.toml_lines import explained, line_of

__all__ = ["CUSTOM_MAX", "DEFAULTS", "Rule", "RuleBook"]

CUSTOM_MAX = 200
"""Rules of one's own: each is looked at for every node, every few seconds."""
_CUSTOM = "custom"
_FILE_KEYS = {"for": "for_s", "keep_firing": "keep_firing_s"}
"""Keys of the file, and what they are called in the API, where that is another name."""
_NEEDED = ("metric", "direction", "threshold")


class RuleBook:
    """The rules in force, by name."""

    def __init__(
        self,
        file_text: str = "",
        name: str = "alerts.toml",
        overrides: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """`overrides` are those that `patch` gave, as they were stored.

        Raises SettingsError for a file that cannot be used, naming it, the line and the key. An override that
        does not fit any more is left out; see `problems`.
        """
        self._base = _from_file(file_text, name)
        """Without what the API changed."""
        self.by_name: dict[str, Rule] = dict(self._base)
        self.overrides: dict[str, dict[str, Any]] = {}
        self.problems: list[str] = []
        """What was left out of what was stored, for people."""
        self.override(overrides or {})

    @property
    def rules(self) -> tuple[Rule, ...]:
        """As they are in force, ours first."""
        return tuple(self.by_name.values())

    def override(self, stored: Mapping[str, Mapping[str, Any]]) -> None:
        """Change rules by what `patch` gave, as it was stored; what does not fit any more is left out."""
        for rule, values in stored.items():
            try:
                self.patch(rule, values)
            except InvalidError as error:
                self.problems.append(f"a stored change of the alert rule {rule!r} was left out: {error}")

    def patch(self, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Change a rule, or make a new one; returns all that is changed of it now, to be stored.

        Raises InvalidError, and then nothing is changed.
        """
        merged = {**self.overrides.get(name, {}), **values}
        try:
            rule = self._patched(name, merged)
        except ValueKeyError as error:
            raise InvalidError(f"rule {name}, {error}") from None
        except ValueError as error:
            raise InvalidError(str(error)) from None
        self.by_name[name] = rule
        self.overrides[name] = merged
        return merged

    def reset(self, name: str) -> Rule | None:
        """Take back what `patch` changed; None where the rule is gone by that. Raises UnknownItemError."""
        if name not in self.by_name:
            raise UnknownItemError(f"no alert rule {unknown(name, self.by_name)}")
        self.overrides.pop(name, None)
        base = self._base.get(name)
        if base is None:
            del self.by_name[name]
        else:
            self.by_name[name] = base
        return base

    def _patched(self, name: str, values: dict[str, Any]) -> Rule:
        base = self._base.get(name)
        if base is not None:
            _refuse_another_metric(base, values)
            return replace(changed(base, values), origin="api")
        missing = [key for key in _NEEDED if key not in values]
        if missing:
            if name not in self.by_name and len(missing) == len(_NEEDED):
                raise ValueError(
                    f"the rule {unknown(name, self.by_name)}; a new one needs {', '.join(_NEEDED)}"
                )
            raise ValueError(f"a new rule needs {', '.join(_NEEDED)}; {' and '.join(missing)} missing")
        if name not in self.by_name and _count_custom(self.by_name) >= CUSTOM_MAX:
            raise ValueError(f"there are {CUSTOM_MAX} rules of one's own already, which is all there can be")
        return replace(_custom(name, values), origin="api")


def _from_file(text: str, name: str) -> dict[str, Rule]:
    try:
        entries = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, problem = explained(text, error)
        raise SettingsError(f"{name} line {line}: not valid TOML: {problem}") from error
    rules = dict(DEFAULTS)
    for key, table in entries.items():
        try:
            if key == _CUSTOM:
                _read_custom(table, rules, text, name)
            else:
                rules[key] = _read_rule(key, table)
        except ValueKeyError as error:
            raise _error(text, name, (key, error.key), error.problem) from None
        except ValueError as error:
            raise _error(text, name, (key,), str(error)) from None
    return rules


def _read_custom(tables: Any, rules: dict[str, Rule], text: str, name: str) -> None:
    if not isinstance(tables, dict):
        raise ValueError("must be tables: write [custom.NAME] on a line, and its keys below")  # noqa: TRY004
    if len(tables) > CUSTOM_MAX:
        raise ValueError(f"has {len(tables)} rules; there can be {CUSTOM_MAX}")
    for rule, table in tables.items():
        try:
            rules[rule] = _read_own_rule(rule, table)
        except ValueKeyError as error:
            raise _error(text, name, (_CUSTOM, rule, error.key), error.problem) from None
        except ValueError as error:
            raise _error(text, name, (_CUSTOM, rule), str(error)) from None


def _read_rule(name: str, table: Any) -> Rule:
    rule = DEFAULTS.get(name)
    if rule is None:
        raise ValueError(f"the rule {unknown(name, [*DEFAULTS, _CUSTOM])}")
    _check_table(name, table)
    values = _api_values(table, rule)
    _refuse_another_metric(rule, values)
    return replace(changed(rule, values), origin="file")


def _read_own_rule(name: str, table: Any) -> Rule:
    if name in DEFAULTS:
        raise ValueError(f"{name!r} is a rule of ours: write [{name}]")
    _check_table(name, table)
    values = _api_values(table, None)
    missing = [key for key in _NEEDED if key not in values]
    if missing:
        wanted = "metric" if "metric" in missing else "above or below"
        raise ValueError(f"{wanted} is missing; a rule of one's own needs metric, and above or below")
    return replace(_custom(name, values), origin="file")


def _check_table(name: str, table: Any) -> None:
    if not isinstance(table, dict):
        raise ValueError(f"must be a table: write [{name}] on a line, and its keys below")  # noqa: TRY004


def _api_values(table: Mapping[str, Any], rule: Rule | None) -> dict[str, Any]:
    """The keys of the file by the names of the API."""
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key in ("above", "below"):
            if "threshold" in values:
                raise ValueKeyError(key, "one threshold only: above or below")
            if rule is not None and rule.direction != key:
                right = f"write {rule.direction}" if rule.direction else "write threshold"
                raise ValueKeyError(key, f"is no key of this rule: {right}")
            values["threshold"] = value
            values["direction"] = key
        elif key in ("for_s", "keep_firing_s", "direction"):
            raise ValueKeyError(key, unknown(key, ["above", "below", *_FILE_KEYS]))
        else:
            values[_FILE_KEYS.get(key, key)] = value
    return values


def _refuse_another_metric(rule: Rule, values: Mapping[str, Any]) -> None:
    """Ours keep what they are about: their words and numbers would not fit another."""
    for key, own in (("metric", rule.metric), ("direction", rule.direction)):
        if key in values and values[key] != own and not rule.custom:
            wanted = f"is always {own}" if own else f"is none of this rule, which has no {key}"
            raise ValueKeyError(key, f"{wanted}; make a rule of your own for another")


def _custom(name: str, values: Mapping[str, Any]) -> Rule:
    if not NAME.fullmatch(name):
        raise ValueError(f"a rule's name has up to 40 of a-z, 0-9 and _, a letter first, not {name[:60]!r}")
    rule = Rule(name, "", "threshold", custom=True)
    rule = changed(rule, {"metric": values["metric"], "direction": values["direction"]} | dict(values))
    return replace(
        rule, about=f"{rule.metric} is {rule.direction} {rule.threshold:g} {rule.unit}".rstrip() + "."
    )


def _count_custom(rules: Mapping[str, Rule]) -> int:
    return sum(rule.custom for rule in rules.values())


def _error(text: str, name: str, path: tuple[str, ...], problem: str) -> SettingsError:
    """What is wrong in a file, and where it stands."""
    written = {api: key for key, api in _FILE_KEYS.items()}
    last = written.get(path[-1], path[-1])
    paths = [(*path[:-1], last)]
    if last in ("threshold", "direction"):
        paths += [(*path[:-1], "above"), (*path[:-1], "below")]
    places = [(line_of(text, one), one) for one in paths]
    line, shown = next(((line, one) for line, one in places if line is not None), (None, paths[0]))
    where = name if line is None else f"{name} line {line}"
    return SettingsError(f"{where}, {'.'.join(shown)}: {problem}")
