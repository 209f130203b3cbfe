"""The dashboard's texts: each is used, each that is used is there, and nothing in it stays unfilled."""

import re
from pathlib import Path

import pytest_asyncio

from meshward.web import site_files
from tests.browser.modules import workshop

SITE = Path(site_files.__file__).parent / "site"
SOURCES = {
    str(path.relative_to(SITE)): path.read_text()
    for path in SITE.rglob("*.js")
    if path.parent.name != "words"
}
KEY = r"[a-zA-Z][\w]*(?:\.[\w]+)+"
LITERAL = re.compile(rf'"({KEY})"')
#: A name that is put together.
TEMPLATE = re.compile(r"`([a-z]\w*\.(?:[\w.]|\$\{[^}`]*\})*)`")
HOLE = re.compile(r"\{(\w+)\}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def words(browser):
    """All texts: text or plural forms, by name."""
    async with workshop(browser) as shop:
        await shop.open()
        first = await shop.run("words/en", "(m) => m.default")
        rest = await shop.run("words/en_views", "(m) => m.default")
    return dict(flat({**rest, **first}))


def flat(texts, name=""):
    for key, value in texts.items():
        path = f"{name}.{key}" if name else key
        if isinstance(value, dict) and not is_plural(value):
            yield from flat(value, path)
        else:
            yield path, value


def is_plural(value):
    return "other" in value and set(value) <= {"zero", "one", "two", "few", "many", "other"}


def forms(text):
    return list(text.values()) if isinstance(text, dict) else [text]


async def test_names_of_texts_that_are_used_are_there(words):
    sections = {name.split(".")[0] for name in words} - {"locale"}
    inner = {".".join(name.split(".")[:end]) for name in words for end in range(1, name.count(".") + 1)}
    for file, source in SOURCES.items():
        used = {name for name in LITERAL.findall(source) if name.split(".")[0] in sections}
        asked = set(re.findall(rf'\b(?:t|has)\(\s*"({KEY})"', source))
        for name in used | asked:
            assert name in words or name in inner, f"{file} asks for {name!r}"


async def test_texts_are_used(words):
    text = "\n".join(SOURCES.values())
    literal = set(LITERAL.findall(text))
    made = [
        re.compile(r"\w+".join(map(re.escape, re.split(r"\$\{[^}]*\}", one))))
        for one in TEMPLATE.findall(text)
    ]
    unused = set(words) - literal - {"locale"}
    assert not [name for name in sorted(unused) if not any(one.fullmatch(name) for one in made)]


async def test_plural_forms_have_one_for_the_rest_and_hold_the_number(words):
    for name, text in words.items():
        if isinstance(text, dict):
            assert {"one", "other"} <= set(text), name


async def test_texts_are_filled_in_with_what_is_given_for_them(words):
    for file, source in SOURCES.items():
        for name, given in calls(source):
            if name not in words:
                continue
            holes = {hole for form in forms(words[name]) for hole in HOLE.findall(form)}
            if isinstance(words[name], dict):
                holes.add("n")
            assert holes <= given, f"{file}: {name} needs {sorted(holes - given)}"
            assert given <= holes | {"n"}, f"{file}: {name} has no place for {sorted(given - holes)}"


def calls(source):
    """(name, names of the values given) of each t("…", {…}) whose values stand there."""
    for match in re.finditer(rf'\bt\(\s*"({KEY})"\s*([,)])', source):
        if match[2] == ")":
            yield match[1], set()
            continue
        rest = source[match.end() :].lstrip()
        if rest.startswith("{") and (names := keys_of(rest)) is not None:
            yield match[1], names


def keys_of(text):
    """The keys of the object that a text begins with; None where not all of them are written there."""
    depth, part, parts, quote = 0, "", [], ""
    for at, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote and text[at - 1] != "\\" else quote
        elif sign in "\"'`":
            quote = sign
        elif sign in "{[(":
            depth += 1
        elif sign in "}])":
            depth -= 1
        if depth == 0:
            break
        if depth == 1 and sign == "," and not quote:
            parts.append(part)
            part = ""
        elif not (depth == 1 and sign == "{" and not part):
            part += sign
    names = [re.match(r"\s*(\.\.\.|\w+)", one) for one in [*parts, part] if one.strip()]
    if any(name is None or name[1] == "..." for name in names):
        return None
    return {name[1] for name in names}


async def test_texts_are_clean(words):
    for name, text in words.items():
        for form in forms(text):
            assert form == form.strip(), name
            assert not any(wrong in form for wrong in ("  ", " ,", "..")), name
