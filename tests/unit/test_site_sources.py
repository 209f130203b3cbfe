"""The dashboard's files, read as text: what they load, and what they must never do."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from meshward.web import site_files

SITE = Path(site_files.__file__).parent / "site"
VENDOR = SITE.parent / "vendor"
MODULES = sorted(SITE.rglob("*.js"))
STYLES = sorted(SITE.rglob("*.css"))
INDEX = (SITE / "index.html").read_text()

_STATIC = re.compile(
    r"""^(?:import|export)\b[^;"']*?\bfrom\s+["']([^"']+)["']|^import\s+["']([^"']+)["']""", re.MULTILINE
)
_DYNAMIC = re.compile(r"""\bimport\(\s*["']([^"']+)["']\s*\)""")
#: What puts text into a page as markup or code.
_NEVER = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|dangerouslySet|srcdoc|javascript:"
)


def imports(module, pattern=_STATIC):
    found = [next(filter(None, match.groups())) for match in pattern.finditer(module.read_text())]
    return {target if not target.startswith(".") else (module.parent / target).resolve() for target in found}


def import_map():
    text = re.search(r'<script type="importmap">(.*?)</script>', INDEX, re.DOTALL).group(1)
    return json.loads(text)["imports"]


def file_of(address):
    """The file that an address below the page is served from."""
    path = address.removeprefix("./").removeprefix("ui/")
    return VENDOR / path.removeprefix("vendor/") if path.startswith("vendor/") else SITE / path


def closure(*modules):
    """All that is loaded with these modules."""
    found, rest = set(), list(modules)
    while rest:
        module = rest.pop()
        if module not in found:
            found.add(module)
            ours = module.is_relative_to(SITE)
            targets = imports(module) if ours else set(re.findall(r'from\s*"([^"]+)"', module.read_text()))
            rest += [
                file_of(import_map()[target]) if isinstance(target, str) else target for target in targets
            ]
    return found


def short(path):
    return str(path.relative_to(SITE.parent))


@pytest.mark.parametrize("module", MODULES, ids=short)
def test_what_a_module_imports_is_there(module):
    for target in imports(module) | imports(module, _DYNAMIC):
        if isinstance(target, str):
            assert target in import_map(), f"{target} is not in the import map"
        else:
            assert target.is_file(), f"{short(module)} imports {target}, which is not there"


def test_the_import_map_leads_to_vendored_files():
    for name, address in import_map().items():
        assert file_of(address).is_file(), name


def test_the_first_page_loads_its_modules_in_one_go():
    """A browser that has to read a module to learn of the next one waits once for each step."""
    told = {file_of(address) for address in re.findall(r'rel="modulepreload" href="([^"]+)"', INDEX)}
    needed = closure(SITE / "app/main.js", SITE / "views/overview.js") - {SITE / "app/main.js"}
    assert {short(path) for path in told} == {short(path) for path in needed}


@pytest.mark.parametrize("module", MODULES, ids=short)
def test_no_module_makes_markup_or_code_out_of_text(module):
    assert not _NEVER.search(module.read_text())


@pytest.mark.parametrize("file", [*MODULES, *STYLES, SITE / "index.html"], ids=short)
def test_nothing_names_another_place(file):
    foreign = [
        url for url in re.findall(r"https?://[^\s\"'`)]+", file.read_text()) if "www.w3.org" not in url
    ]
    assert foreign == []


@pytest.mark.parametrize("module", MODULES, ids=short)
def test_modules_stay_small(module):
    if module.parent.name != "words":  # all texts of a language
        assert module.read_text().count("\n") <= 420


def test_every_module_and_style_is_used():
    used = set(closure(SITE / "app/main.js")) | {SITE / "app/early.js"}
    while True:
        more = {
            target for module in used if module.is_relative_to(SITE) for target in imports(module, _DYNAMIC)
        }
        more = closure(*[target for target in more if not isinstance(target, str)])
        if more <= used:
            break
        used |= more
    assert [short(module) for module in MODULES if module not in used] == []
    texts = INDEX + "".join(module.read_text() for module in MODULES)
    views = re.findall(r"styles: \[([^\]]*)\]", (SITE / "app/views.js").read_text())
    named = {f"{name}.css" for view in views for name in re.findall(r'"([^"]+)"', view)}
    assert [style.name for style in STYLES if style.name not in named and style.name not in texts] == []


def test_every_library_says_what_it_is_and_no_file_of_it_was_changed():
    for folder in sorted(path for path in VENDOR.iterdir() if path.is_dir()):
        about = dict(line.split(": ", 1) for line in (folder / "VERSION").read_text().splitlines())
        assert {"package", "version", "license", "integrity", "files"} <= set(about)
        assert (folder / "LICENSE").is_file()
        names = {Path(name).name for name in about["files"].split()}
        assert names | {"VERSION"} == {path.name for path in folder.iterdir()}
        told = {
            key.removeprefix("sha256 "): value for key, value in about.items() if key.startswith("sha256 ")
        }
        assert told == {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


def test_icons_that_are_asked_for_are_drawn():
    drawn = set(re.findall(r"^  (\w+): \"M", (SITE / "parts/icons.js").read_text(), re.MULTILINE))
    for module in MODULES:
        for name in re.findall(r"Icon\} name=\"?(\w+)\"", module.read_text()) + re.findall(
            r"\bicon(?:=|: )\"(\w+)\"", module.read_text()
        ):
            assert name in drawn, f"{short(module)} asks for the icon {name!r}"


def test_no_sheet_styles_what_another_one_means():
    """Sheets of views stay loaded: a plain name in two of them would change one view once the other was seen."""
    owners = {}
    for sheet in STYLES:
        text = re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)
        for name in re.findall(r"(?:^|[},{])\s*\.([a-z][\w-]*)(?=[\s{,:.>+\[])", text):
            owners.setdefault(name, set()).add(sheet.name)
    assert {name: sheets for name, sheets in owners.items() if len(sheets) > 1} == {}
