"""`meshward firmware inspect` and `make`."""

import json

import pytest

from meshward.cli.app import run
from meshward.firmware import inspect
from meshward.firmware.synthetic import synthetic_flash, synthetic_image


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def test_what_is_made_is_intact(directory, capsys):
    arguments = ["--hardware", "ESP32-C3", "--size", "50KB", "--project", "lamp", "--version", "2.1"]
    assert run(["firmware", "make", "fw.bin", *arguments]) == 0
    data = (directory / "fw.bin").read_bytes()
    image = inspect(data)
    assert capsys.readouterr().out == f"fw.bin: {image.what}, 51200 bytes, md5 {image.md5}\n"
    assert (image.chip, image.app.project, image.app.version) == ("ESP32-C3", "lamp", "2.1")
    assert run(["firmware", "inspect", "fw.bin"]) == 0
    output = capsys.readouterr().out
    assert "lamp 2.1" in output
    assert image.sha256 in output


def test_the_same_arguments_make_the_same_file(directory):
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert run(["firmware", "make", name, "--size", "20KB", "--seed", seed]) == 0
    first, second, other = ((directory / name).read_bytes() for name in "abc")
    assert first == second != other


def test_json_tells_all_of_it(directory, capsys):
    (directory / "flash.bin").write_bytes(synthetic_flash(synthetic_image(20_000)))
    assert run(["firmware", "inspect", "flash.bin", "--json"]) == 0
    entry = json.loads(capsys.readouterr().out)
    assert (entry["file"], entry["kind"], entry["inner"]["chip"]) == ("flash.bin", "flash", "ESP32")
    assert run(["firmware", "make", "fw.bin", "--json", "--size", "20KB"]) == 0
    assert json.loads(capsys.readouterr().out)["size_bytes"] == 20480


def test_a_damaged_file_is_told_of_and_exit_status_1(directory, capsys):
    (directory / "cut.bin").write_bytes(synthetic_image(20_000)[:10_000])
    assert run(["firmware", "inspect", "cut.bin"]) == 1
    assert "error: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["inspect", "missing.bin"], 2, "there is no file missing.bin"),
        (["inspect", "."], 2, "is a directory"),
        (["make", "fw.bin", "--size", "x"], 2, "--size 204800 or --size 200KB"),
        (["make", "fw.bin", "--size", "nan"], 2, "--size 204800 or --size 200KB"),
        (["make", "fw.bin", "--size", "10"], 2, "too small"),
        (["make", "fw.bin", "--size", "17MB"], 2, "no board has more"),
        (["make", "fw.bin", "--hardware", "AVR"], 2, "no chip is called AVR"),
        (["make", "no/fw.bin"], 1, "cannot write no/fw.bin"),
        (["inspect"], 2, "FILE"),
        (["explode"], 2, "explode"),
    ],
)
def test_wrong_calls_are_one_line(arguments, status, words, capsys):
    assert run(["firmware", *arguments]) == status
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("command", ["inspect", "make"])
def test_help_has_an_example_and_fits_the_terminal(command, capsys):
    assert run(["firmware", command, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"Example: meshward firmware {command}" in text
    assert max(map(len, text.splitlines())) <= 80
