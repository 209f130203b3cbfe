"""The dashboard's files: which are served and as what, and what may stand in its page."""

import base64
import gzip
import hashlib

import pytest

from meshward.errors import GatewayError
from meshward.web.site_files import SITE, VENDOR, read_site

MAP = '{"imports": {"a": "./ui/a.js"}}'
PAGE = f'<!doctype html><script type="importmap">{MAP}</script><script src="ui/a.js"></script>'
LONG = "let a = 1;\n" * 1000


@pytest.fixture
def site(tmp_path):
    """A folder with a page, and one beside it with libraries."""
    folder, vendor = tmp_path / "site", tmp_path / "vendor"
    for path in (folder / "app", vendor / "one", vendor / "swagger-ui", vendor / "loose"):
        path.mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "app" / "main.js").write_text(LONG)
    (folder / "x.png").write_bytes(bytes(1000))
    for name in (".hidden.js", "notes.md", "x.py", "LICENSE"):
        (folder / name).write_text("no")
    for name in ("one", "swagger-ui"):
        (vendor / name / "VERSION").write_text(f"package: @x/{name}\nversion: 1.2.3\nlicense: MIT\n")
    for name in ("one", "swagger-ui", "loose"):
        (vendor / name / "lib.mjs").write_text("export {}")
    return folder, vendor


def test_only_files_of_known_kinds_and_libraries_of_the_page_are_served(site):
    read = read_site(*site)
    assert sorted(read.files) == ["app/main.js", "vendor/one/lib.mjs", "x.png"]
    assert read.files["app/main.js"].media_type == "text/javascript; charset=utf-8"
    assert read.files["vendor/one/lib.mjs"].media_type == "text/javascript; charset=utf-8"
    assert read.files["x.png"].media_type == "image/png"
    assert read.index.body == PAGE.encode()


def test_all_libraries_are_told_with_version_and_licence(site):
    parts = [(part.name, part.version, part.licence, part.where) for part in read_site(*site).parts]
    assert parts == [("@x/one", "1.2.3", "MIT", "browser"), ("@x/swagger-ui", "1.2.3", "MIT", "browser")]


def test_text_is_packed_once_and_only_where_that_is_smaller(site):
    files = read_site(*site).files
    long, short, image = files["app/main.js"], files["vendor/one/lib.mjs"], files["x.png"]
    assert not long.is_packed
    packed = long.packed()
    assert long.is_packed
    assert packed is long.packed()
    assert gzip.decompress(packed.body) == LONG.encode()
    assert (packed.encoding, long.plain().encoding) == ("gzip", "")
    assert packed.etag != long.plain().etag
    assert short.packed() is short.plain()
    assert image.is_packed
    assert image.packed() is image.plain()


def test_the_policy_allows_the_import_map_and_nothing_else_inline(site):
    policy = read_site(*site).policy
    digest = base64.b64encode(hashlib.sha256(MAP.encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def test_a_page_without_import_map_needs_no_hash(site):
    (site[0] / "index.html").write_text('<script src="ui/a.js"></script>')
    assert "script-src 'self';" in read_site(*site).policy


@pytest.mark.parametrize(
    ("inline", "words"),
    [
        ("<script>alert(1)</script>", "a script in it"),
        ("<script type=module>import 'a'</script>", "a script in it"),
        ('<SCRIPT TYPE="text/javascript">1</SCRIPT>', "a script in it"),
        ('<script type="importmap">{}</script>', "a second import map"),
        ("<p onclick='x()'>", "the attribute onclick"),
        ("<a href=' JavaScript:x()'>", "a script in the attribute href"),
        ("<style>p {}</style>", "a style in it"),
        ("<p style='color: red'>", "a style in it"),
    ],
)
def test_a_page_that_browsers_would_refuse_in_part_is_refused_at_once(site, inline, words):
    (site[0] / "index.html").write_text(PAGE + inline)
    with pytest.raises(GatewayError, match=words):
        read_site(*site)


def test_a_site_without_its_page_is_told(site):
    (site[0] / "index.html").unlink()
    with pytest.raises(GatewayError, match="install Meshward anew"):
        read_site(*site)


def test_our_own_page_is_fine_and_every_library_says_what_it_is():
    read = read_site(SITE, VENDOR)
    assert "sha256-" in read.policy
    assert {part.name for part in read.parts} >= {"preact", "swagger-ui-dist"}
    assert all(part.version and part.licence for part in read.parts)
    assert not any("swagger" in name for name in read.files)
