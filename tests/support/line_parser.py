"""A parser of the line protocol, written from its description and apart from what writes it."""

import re

FLOAT = re.compile(r"-?[0-9]+([.][0-9]+)?(e[+-]?[0-9]+)?")


def parse(line):
    """Measurement, tags, fields and nanoseconds of one point. Fails on anything out of the ordinary."""
    assert len(line.splitlines()) == 1
    place, measurement = _word(line, 0, ", ")
    tags, fields = {}, {}
    while line[place] == ",":
        place, name = _word(line, place + 1, "=")
        place, value = _word(line, place + 1, ", =")
        assert name not in tags
        assert value
        tags[name] = value
    while True:
        place, name = _word(line, place + 1, "=")
        place, value = _value(line, place + 1)
        assert name not in fields
        fields[name] = value
        if line[place] == " ":
            break
        assert line[place] == ","
    assert re.fullmatch("[0-9]{1,19}", line[place + 1 :])
    return measurement, tags, fields, int(line[place + 1 :])


def _word(line, place, ends):
    found = ""
    while line[place] not in ends:
        assert line[place] not in ' =,"' or line[place] == '"'
        if line[place] == "\\" and line[place + 1] in " ,=":
            place += 1
        found += line[place]
        place += 1
    return place, found


def _value(line, place):
    if line[place] == '"':
        return _quoted(line, place + 1)
    end = min(at for at in (line.find(",", place), line.find(" ", place)) if at >= 0)
    assert FLOAT.fullmatch(line[place:end]), line[place:end]
    return end, float(line[place:end])


def _quoted(line, place):
    found = ""
    while line[place] != '"':
        if line[place] == "\\":
            place += 1
            assert line[place] in '"\\'
        found += line[place]
        place += 1
    return place + 1, found
