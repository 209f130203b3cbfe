"""What `push` and `verify` refuse before they go near a mesh, and in which words."""

import gzip

import pytest

from meshward.cli.app import run
from meshward.firmware.synthetic import synthetic_flash, synthetic_image

APP = synthetic_image(30_000)
FOR_8266 = synthetic_image(30_000, hardware="ESP8266")
FILES = {
    "app.bin": APP,
    "app8266.bin": FOR_8266,
    "empty.bin": b"",
    "erased.bin": b"\xff" * 5000,
    "app.elf": b"\x7fELF\x01\x01\x01" + bytes(500),
    "page.bin": b"<!DOCTYPE html><html><title>Sign in</title>",
    "cut.bin": APP[:20_000],
    "changed.bin": APP[:9000] + bytes([APP[9000] ^ 1]) + APP[9001:],
    "longer.bin": APP + b"GET / HTTP/1.1",
    "flash.bin": synthetic_flash(APP),
    "app.bin.gz": gzip.compress(APP),
    "c3.bin": synthetic_image(30_000, hardware="ESP32-C3"),
    "other.bin": bytes(range(256)) * 10,
}


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    """The files, in the present directory; nobody's configuration or journals."""
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for name in ("MESHWARD_CONNECT", "MESHWARD_LISTEN", "MESHWARD_CONFIG", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def error_of(arguments, capsys):
    """The one line of a command that is refused."""
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("meshward: ")
    assert captured.err.count("\n") == 1
    return captured.err


BAD_FILES = [
    (["missing.bin"], "there is no file missing.bin; give the .bin file of the build"),
    (["."], "is a directory; give the .bin file of the build"),
    (["empty.bin"], "empty.bin is not pushed: this is an empty file: build the firmware again"),
    (["erased.bin"], "every byte is 0xFF"),
    (["app.elf"], "an ELF program"),
    (["page.bin"], "this is a web page: the download failed"),
    (["cut.bin"], "cut off"),
    (["changed.bin"], "does not match"),
    (["longer.bin"], "(--force sets this aside)"),
    (["flash.bin"], "add --extract to use that part"),
    (["app.bin.gz"], "give the application as it is"),
    (["other.bin"], "does not begin with 0xE9"),
    (["app8266.bin", "--hardware", "ESP32"], "use --hardware ESP8266"),
    (["app.bin", "--hardware", "ESP8266"], "use --hardware ESP32"),
    (["c3.bin", "--chip", "ESP32"], "ESP32-C3"),
    (["app.bin", "--compress", "gzip"], "ESP32"),
]


@pytest.mark.parametrize("verb", ["push", "verify"])
@pytest.mark.parametrize(("arguments", "words"), BAD_FILES)
def test_bad_files_are_refused_with_what_to_do_instead(verb, arguments, words, capsys):
    assert words in error_of([verb, *arguments, "--role", "sensor", "--connect", "nowhere"], capsys)


@pytest.mark.parametrize(
    "name", ["empty.bin", "app.elf", "cut.bin", "changed.bin", "flash.bin", "app.bin.gz"]
)
def test_force_does_not_set_aside_what_cannot_work(name, capsys):
    error = error_of(["push", name, "--role", "sensor", "--connect", "nowhere", "--force"], capsys)
    assert f"{name} is not pushed: " in error
    assert "--force" not in error


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "FILE"),
        (["app.bin"], "--role"),
        (["app.bin", "--role", "sensor"], "say how to join: --connect"),
        (["app.bin", "--role", "sensor", "--connect", "a:b"], "'a:b'"),
        (["app.bin", "--role", "sensor", "--connect", "a", "--hardware", "esp32s"], "esp32s"),
        (["app.bin", "--role", "sensor", "--connect", "a", "--part-size", "10"], "--part-size must be 64 to"),
        (["app.bin", "--role", "sensor", "--connect", "a", "--part-size", "1000000"], "--part-size must be"),
        (["app.bin", "--role", "sensor", "--connect", "a", "--nodes", "x"], "'x' is not a node id"),
        (["app.bin", "--role", "sensor", "--connect", "a", "--exclude", "5,0"], "4294967295"),
        (
            ["app.bin", "--role", "sensor", "--connect", "a", "--window", "0"],
            "--window and --concurrency must",
        ),
        (["app.bin", "--role", "sensor", "--connect", "a", "--concurrency", "0"], "must be 1 or more"),
        (["app.bin", "--role", "sensor", "--connect", "a", "--backlog", "10"], "--backlog 2048 or more"),
        (["app.bin", "--role", "sensor", "--connect", "a", "--strategy", "fast"], "fast"),
        (["app.bin", "--role", "sensor", "--connect", "a", "--compress", "zip"], "zip"),
        (["app.bin", "--role", "sensor", "--connect", "a", "--resume"], "no interrupted update"),
        (["app.bin", "--role", "sensor", "--connect", "a", "--frobnicate"], "--frobnicate"),
        (["app.bin", "--role", "sensor", "--connect", "a", "--timeout", "0"], "above 0"),
    ],
)
def test_wrong_flags_are_one_line_and_exit_status_2(arguments, words, capsys):
    assert words in error_of(["push", *arguments], capsys)


def test_a_mesh_that_is_not_there_is_exit_status_1(capsys):
    assert run(["push", "app.bin", "--role", "sensor", "--connect", "127.0.0.1:1", "--timeout", "0.3"]) == 1
    assert "127.0.0.1:1" in capsys.readouterr().err


def test_a_damaged_journal_is_one_line(directory, capsys):
    assert run(["push", "app.bin", "--role", "s", "--connect", "127.0.0.1:1", "--resume"]) == 2
    assert "no interrupted update" in capsys.readouterr().err
    updates = directory / "meshward" / "updates"
    updates.mkdir(parents=True)
    from meshward.sim.flash import Image  # noqa: PLC0415 for the MD5 alone

    (updates / f"{Image.of(APP).md5}-ESP32-s.json").write_text("{")
    assert run(["push", "app.bin", "--role", "s", "--connect", "127.0.0.1:1", "--resume"]) == 1
    error = capsys.readouterr().err
    assert "is damaged; start anew with --restart" in error
    assert error.count("\n") == 1
