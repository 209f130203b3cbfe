"""The dashboard's files: read once, all of them, so that no path of a request ever touches the disk."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from meshward.errors import GatewayError
from meshward.gateway.dashboard_views import PartView
from meshward.web.answers import etag_of
from meshward.web.headers import site_policy

SITE = Path(__file__).parent / "site"
VENDOR = Path(__file__).parent / "vendor"
INDEX = "index.html"
VERSION = "VERSION"
"""A folder of a library has it, and says in it what the library is."""
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
"""What is served; other files are not."""
PACKED_ALREADY = frozenset({".png", ".woff2"})
OTHERS_PAGES = frozenset({"swagger-ui"})
"""Libraries of pages besides the dashboard, which serve them themselves."""


@dataclass(frozen=True, slots=True)
class Content:
    """A file as it is sent."""

    body: bytes
    etag: str
    encoding: str = ""
    """"gzip", or "" for the file as it is."""


@dataclass(slots=True)
class SiteFile:
    """A file, and what becomes of it once somebody asks for it: hashes and packing are not for the start."""

    body: bytes
    media_type: str
    may_pack: bool
    _plain: Content | None = None
    _packed: Content | None = None

    def plain(self) -> Content:
        """The file as it is."""
        self._plain = self._plain or Content(self.body, etag_of(self.body))
        return self._plain

    def packed(self) -> Content:
        """The file as gzip, or as it is where that is no larger. Takes long the first time."""
        self._packed = self._packed or self._pack()
        return self._packed

    @property
    def is_packed(self) -> bool:
        """Whether `packed` takes no time."""
        return self._packed is not None or not self.may_pack

    def _pack(self) -> Content:
        if not self.may_pack:
            return self.plain()
        body = gzip.compress(self.body, 9, mtime=0)
        return Content(body, etag_of(body), "gzip") if len(body) < len(self.body) else self.plain()


@dataclass(frozen=True, slots=True)
class Site:
    """The page, what it is made of by path below `ui/`, and the libraries in it."""

    index: SiteFile
    files: Mapping[str, SiteFile]
    policy: str
    """Content-Security-Policy of all of it."""
    parts: tuple[PartView, ...]


def read_site(site: Path = SITE, vendor: Path = VENDOR) -> Site:
    """All files. Raises GatewayError where they are not as the dashboard needs them."""
    try:
        index = _read(site / INDEX)
        files = {name: _read(path) for name, path in _below(site) if name != INDEX}
        parts = []
        for version in sorted(vendor.glob(f"*/{VERSION}")):
            parts.append(_part(version))
            folder = version.parent
            if folder.name not in OTHERS_PAGES:
                files |= {f"vendor/{folder.name}/{name}": _read(path) for name, path in _below(folder)}
        policy = site_policy(*_script_hashes(index.body.decode("utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise GatewayError(
            f"the files of the dashboard cannot be read ({error}): install Meshward anew"
        ) from error
    return Site(index, files, policy, tuple(parts))


def _below(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in name.parts)
        if path.suffix in MEDIA_TYPES and not hidden and path.is_file():
            yield name.as_posix(), path


def _read(path: Path) -> SiteFile:
    return SiteFile(path.read_bytes(), MEDIA_TYPES[path.suffix], path.suffix not in PACKED_ALREADY)


def _part(version: Path) -> PartView:
    lines = (line.partition(":") for line in version.read_text("utf-8").splitlines())
    said = {key.strip(): value.strip() for key, _, value in lines}
    return PartView(
        name=said.get("package", version.parent.name),
        version=said.get("version", ""),
        licence=said.get("license", ""),
        where="browser",
    )


def _script_hashes(page: str) -> list[str]:
    """For the policy, of the one script that may stand in the page itself: the import map."""
    scripts = _Scripts()
    scripts.feed(page)
    scripts.close()
    if scripts.refused or len(scripts.maps) > 1:
        what = scripts.refused or "a second import map"
        raise GatewayError(f"{INDEX} of the dashboard has {what}: move it into a file, or browsers refuse it")
    digests = (hashlib.sha256(text.encode()).digest() for text in scripts.maps)
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


@dataclass
class _Scripts(HTMLParser):
    """Finds what of a page is a script without being a file."""

    maps: list[str] = field(default_factory=list)
    refused: str = ""
    _in_map: bool = False

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=False)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at a tag."""
        values = dict(attrs)
        for name, value in attrs:
            if name.startswith("on"):
                self.refused = f"the attribute {name}"
            elif (value or "").strip().lower().startswith("javascript:"):
                self.refused = f"a script in the attribute {name}"
        if tag == "script" and "src" not in values:
            self._in_map = values.get("type") == "importmap"
            if self._in_map:
                self.maps.append("")
            else:
                self.refused = "a script in it"
        elif tag == "style" or "style" in values:
            self.refused = "a style in it"

    def handle_endtag(self, tag: str) -> None:
        """Look at the end of a tag."""
        if tag == "script":
            self._in_map = False

    def handle_data(self, data: str) -> None:
        """Look at a text."""
        if self._in_map:
            self.maps[-1] += data
