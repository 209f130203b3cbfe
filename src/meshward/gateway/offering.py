"""Which firmware a node could run, by what people said: they meant one for it, or added a newer one.

What counts is what was said last:

- a rollout, or push, whose target covers the node means its firmware for it, until it is aborted, fails or is
  rolled back: those it covered are then not offered that firmware any more, until another rollout means it;
- a firmware that is added to the library is the next one for the nodes that run an older one of the same
  project, hardware and chip.

Never one of another project or chip, nor one that was in the library before what the node runs. All sketches
of Arduino's name the same project, and images for ESP8266 name none: there the project is the name of the
file without its version, where it is more than what build tools call every file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from meshward.rollout.spec import Target
from meshward.rollout.states import RolloutState
from meshward.rollout.targets import KnownNode, why_not
from meshward.store.firmware import Build
from meshward.store.rollouts import Decision

DIGITS = 8
"""Of a hash, to name a firmware by."""

_CORES = frozenset({"", "arduino-lib-builder"})
_ENDS = re.compile(r"(\.(bin|gz|ino|esp32|esp8266))+$")
_VERSION = re.compile(r"[-_. ]*v?(\d+([._]\d+)+([-+][0-9a-z.]+)?|\d+)$")
_SAYS_NOTHING = frozenset(
    {"", "app", "application", "firmware", "image", "main", "program", "sketch", "update"}
)
_STOPPED = frozenset({RolloutState.ABORTED, RolloutState.FAILED, RolloutState.ROLLED_BACK})


@dataclass(frozen=True, slots=True)
class Product:
    """What a firmware is a version of."""

    project: str
    """As the build itself says, "" where it does not."""
    stem: str
    """The name of its file without version; "" where that says nothing."""
    version: str

    def is_of(self, other: Product) -> bool:
        """Whether both are of one project, for all that is known."""
        if self.project or other.project:
            return self.project == other.project
        return bool(self.stem) and self.stem == other.stem

    def is_of_another(self, other: Product) -> bool:
        """Whether both say that they are not of the same."""
        return bool(self.project and other.project) and self.project != other.project


def product(build: Build) -> Product:
    """Of which project a firmware is, and which version."""
    if build.project not in _CORES:
        return Product(build.project, "", build.version)
    name = _ENDS.sub("", build.name.lower())
    written = _VERSION.search(name)
    stem = name[: written.start()] if written else name
    version = written[1] if written else ""
    return Product("", "" if stem in _SAYS_NOTHING else stem, version)


class Shelf:
    """The firmware of the library, the newest first."""

    def __init__(self, builds: Sequence[Build]) -> None:
        self._builds = builds
        self._rank = {build.sha256: len(builds) - place for place, build in enumerate(builds)}
        self._by_sha256 = {build.sha256: build for build in builds}
        self._by_md5 = {build.md5: build for build in builds}
        self._products = {build.sha256: product(build) for build in builds}

    def get(self, sha256: str) -> Build | None:
        """By its SHA-256; None where it is not there."""
        return self._by_sha256.get(sha256)

    def by_md5(self, md5: str) -> Build | None:
        """As boards tell what they run."""
        return self._by_md5.get(md5)

    def name(self, build: Build) -> str:
        """For people: its version, or the first digits of its hash."""
        return self._products[build.sha256].version or build.sha256[:DIGITS]

    def title(self, build: Build) -> str:
        """Its project, or its file's name."""
        return self._products[build.sha256].project or build.name

    def may_follow(self, build: Build, running: Build) -> bool:
        """Whether it is newer than what runs, and not of another project or chip."""
        ours, theirs = self._products[build.sha256], self._products[running.sha256]
        return (
            self._rank[build.sha256] > self._rank[running.sha256]
            and build.chip == running.chip
            and not ours.is_of_another(theirs)
        )

    def newer(self, running: Build) -> Iterator[Build]:
        """Those of the same project, hardware and chip that were added later, the newest first."""
        ours = self._products[running.sha256]
        for build in self._builds:
            if build.sha256 == running.sha256:
                return
            same_boards = (build.hardware, build.chip) == (running.hardware, running.chip)
            if same_boards and self._products[build.sha256].is_of(ours):
                yield build


class Decisions:
    """What rollouts said. The newest first."""

    def __init__(self, decisions: Iterable[Decision]) -> None:
        self._wide: list[tuple[int, Decision]] = []
        self._of_node: dict[int, list[tuple[int, Decision]]] = {}
        self._covering: dict[tuple[object, ...], list[tuple[int, Decision]]] = {}
        for place, one in enumerate(decisions):
            if not one.target.nodes:
                self._wide.append((place, one))
            for node in one.target.nodes:
                self._of_node.setdefault(node, []).append((place, one))

    def about(self, node: KnownNode) -> list[Decision]:
        """Those that cover a node whose role and hardware are known."""
        # Many nodes are alike: what is not about single ones is looked at once for all of them.
        alike = (node.hardware, node.role, node.tags, node.version)
        wide = self._covering.get(alike)
        if wide is None:
            wide = self._covering[alike] = [
                (place, one)
                for place, one in self._wide
                if node.hardware in one.images and why_not(_without_exclusions(one.target), node) is None
            ]
        found = [(place, one) for place, one in wide if node.node not in one.target.exclude]
        own = self._of_node.get(node.node)
        if own:
            found += [
                (place, one)
                for place, one in own
                if node.hardware in one.images and why_not(one.target, node) is None
            ]
            found.sort(key=lambda item: item[0])
        return [one for _, one in found]


def newest(shelf: Shelf, said: Sequence[Decision], hardware: str, running: Build | None) -> Build | None:
    """What a node should run, which may be what it runs; None where nothing is meant for it.

    `said`: what covers it, the newest first. `running`: what it is known to run of the library.
    """
    meant, meant_s, stopped = _meant(said, hardware)
    chosen = shelf.get(meant)
    if running is None:
        return chosen
    if chosen is not None and chosen.sha256 != running.sha256 and not shelf.may_follow(chosen, running):
        chosen = running
    for build in shelf.newer(running):
        if build.added_at_s <= meant_s:
            break
        if build.sha256 not in stopped:
            return build
    return chosen or running


def _meant(said: Sequence[Decision], hardware: str) -> tuple[str, float, set[str]]:
    """The firmware that was meant last, when that was said, and those that are meant no more."""
    stopped: set[str] = set()
    for one in said:
        image = one.images[hardware]
        if image in stopped or (one.target.nodes and one.state is RolloutState.ABORTED):
            continue  # to stop the update of some nodes says nothing of the firmware
        if one.state not in _STOPPED:
            return image, one.created_s, stopped
        stopped.add(image)
    return "", 0.0, stopped


def _without_exclusions(target: Target) -> Target:
    return Target(roles=target.roles, tags=target.tags, versions=target.versions)


def names(shelf: Shelf, running: Build | None, told: str, chosen: Build | None) -> tuple[str, str]:
    """What a node runs and what it could, for people: differs where these do. `told`: what the node says."""
    installed = told if running is None else shelf.name(running)
    if chosen is None or chosen is running:
        return installed, installed
    latest = shelf.name(chosen)
    if running is None and latest == told:
        return installed, installed  # all that is known says that it runs that
    return installed, f"{latest} ({chosen.sha256[:DIGITS]})" if latest == installed else latest
