import tomllib

import pytest
from cyclopts import App

from meshward.addresses import Address
from meshward.cli.init import init
from meshward.config import changed_keys, keys, load_config, tables, value_of, with_values
from meshward.config.shape import Config, Http, Log, Updates
from meshward.config.template import template
from meshward.errors import ConflictError, SettingsError
from meshward.gateway.unit import unit
from meshward.toml_lines import line_of


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def loaded(tmp_path, text="", **environ):
    file = tmp_path / "some.toml"
    file.write_text(text)
    return load_config(file, {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), **environ})


def complaint(tmp_path, text="", **environ):
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, text, **environ)
    return str(caught.value).removeprefix(f"{tmp_path}/")


# -- reading ---------------------------------------------------------------------------------


def test_all_of_a_file_is_read(tmp_path):
    config = loaded(
        tmp_path,
        """
        connect = ["10.1.2.1", "10.1.2.2:5600"]
        data = "kept"
        [http]
        bind = "0.0.0.0:9000"
        tls_cert = "/tls/crt"
        tls_key = "key"
        upload_max = "1.5MB"
        hosts = "pi.local"
        docs = false
        [updates]
        at_once = 4
        probe_every_s = 30
        [log]
        level = "debug"
        """,
    )
    assert config.connect_addresses == (Address("10.1.2.1"), Address("10.1.2.2", 5600))
    assert config.data_path == tmp_path / "kept"
    assert config.http.address == Address("0.0.0.0", 9000)
    assert (config.http.tls_cert, config.http.tls_key) == ("/tls/crt", str(tmp_path / "key"))
    assert config.http.upload_bytes == 1536 * 1024
    assert (config.http.hosts, config.http.docs) == (("pi.local",), False)
    assert config.updates == Updates(at_once=4, probe_every_s=30.0)
    assert config.log == Log(level="debug")
    assert config.file == tmp_path / "some.toml"


def test_nothing_said_gives_the_defaults_and_the_usual_place_for_data(tmp_path):
    config = loaded(tmp_path)
    assert (config.http, config.updates, config.log) == (Http(), Updates(), Log())
    assert config.data_path == tmp_path / "state" / "meshward"


def test_the_usual_place_for_data_depends_on_who_we_are(tmp_path, monkeypatch):
    file = tmp_path / "empty.toml"
    file.touch()
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert str(load_config(file, {"HOME": "/home/me"}).data_path) == "/var/lib/meshward"
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert str(load_config(file, {"HOME": "/home/me"}).data_path) == "/home/me/.local/state/meshward"


def test_the_environment_wins(tmp_path):
    file = 'connect = "a"\nlisten = "5555"\n[http]\nbind = "9000"\norigins = ["http://x"]\nenabled = false\n'
    config = loaded(
        tmp_path,
        file,
        MESHWARD_CONNECT="b, c:1",
        MESHWARD_DATA="/elsewhere",
        MESHWARD_HTTP="[::1]:9001",
        MESHWARD_HTTP_DOCS="false",
        MESHWARD_HTTP_ORIGINS="https://a https://b:1",
        MESHWARD_UPDATES_AT_ONCE="7",
        MESHWARD_LOG_FORMAT="json",
        MESHWARD_LOG_LEVEL="",
    )
    assert (config.connect, config.listen) == (("b", "c:1"), None)
    assert config.data == "/elsewhere"
    assert config.http.address == Address("::1", 9001)
    assert config.http.enabled
    assert not config.http.docs
    assert config.http.origins == ("https://a", "https://b:1")
    assert (config.updates.at_once, config.log) == (7, Log(format="json"))


def test_http_can_be_switched_off_by_a_variable(tmp_path):
    config = loaded(tmp_path, '[http]\nbind = "9000"\n', MESHWARD_HTTP="off")
    assert (config.http.enabled, config.http.address.port) == (False, 9000)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("9000", Address("127.0.0.1", 9000)),
        ("0", Address("127.0.0.1", 0)),
        ("0.0.0.0", Address("0.0.0.0", 8080)),
        ("[::1]", Address("::1", 8080)),
        ("pi.local:81", Address("pi.local", 81)),
    ],
)
def test_a_port_alone_is_on_this_machine_only(tmp_path, written, address):
    assert loaded(tmp_path, f'[http]\nbind = "{written}"\n').http.address == address


# -- errors ----------------------------------------------------------------------------------

WRONG = [
    ("connect = ", "some.toml line 1: not valid TOML: Invalid value"),
    ("\n\n[http]\nbind = 'x\n", "some.toml line 4: not valid TOML"),
    (
        "node_id = 1\n\n[http]\n\nbind = 8080\n",
        "some.toml line 5, http.bind: must be an address in quotes, not 8080",
    ),
    ("[http]\nbind = 'a:99999'", "some.toml line 2, http.bind: 'a:99999' has no usable port"),
    ("[http]\nbnid = 'a'", "some.toml line 2, http.bnid: unknown key 'bnid'; did you mean 'bind'?"),
    ("bind = 'a'", "some.toml line 1, bind: unknown key 'bind'; did you mean 'http.bind'?"),
    ("[htpp]\nbind = 'a'", "some.toml line 1, htpp: unknown key 'htpp'; did you mean 'http'?"),
    ("zzz = 1", "some.toml line 1, zzz: unknown key 'zzz'; known are alerts, connect, data"),
    ("http = 5", "some.toml line 1, http: must be a table"),
    ("[[http]]\nbind = 'a'", "some.toml line 1, http: must be a table"),
    ("http = { bind = 'b', docs = 'no' }", "line 1, http.docs: must be true or false, not 'no'"),
    ("http.docs = 1", "line 1, http.docs: must be true or false, not 1"),
    ("\nconnect = [\n  'a', # bind\n  'b:c',\n]\n", "some.toml line 2, connect: 'b:c' has no usable port"),
    ("[updates]\nat_once = 0", "line 2, updates.at_once: must be a whole number from 1 to 16, not 0"),
    ("[updates]\nat_once = 1.5", "line 2, updates.at_once: must be a whole number"),
    ("[updates]\nprobe_every_s = nan", "line 2, updates.probe_every_s: must be a number of seconds from 1"),
    (
        "[log]\nlevel = 'loud'",
        "line 2, log.level: must be debug, info, warning or error, in quotes, not 'loud'",
    ),
    ("[http]\nupload_max = '12 bytes'", "line 2, http.upload_max: '12 bytes' is not a size"),
    ("[http]\nupload_max = '2000MB'", "line 2, http.upload_max: must be from 1KB to 1024MB"),
    ("[http]\norigins = ['panel.example']", "line 2, http.origins: 'panel.example' is not an origin"),
    ("[http]\norigins = ['https://a/b']", "line 2, http.origins: 'https://a/b' is not an origin"),
    ("[http]\nhosts = ['http://a']", "line 2, http.hosts: 'http://a' is not a host name"),
    ("[http]\nroot_path = 'meshward'", "line 2, http.root_path: 'meshward' must begin with /"),
    ("[http]\ntls_cert = 'a'", "line 2, http.tls_cert: needs the other one"),
    ("[http]\ndocs = true\ntls_key = 'a'", "line 3, http.tls_key: needs the other one"),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_an_error_names_file_line_key_and_what_to_write(tmp_path, text, expected):
    assert expected in complaint(tmp_path, text)


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"bytes\.toml is not valid TOML: it is not UTF-8"):
        load_config(tmp_path / "bytes.toml", {})


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("MESHWARD_HTTP", "a:b", "environment variable MESHWARD_HTTP: 'a:b' has no usable port"),
        ("MESHWARD_HTTP_DOCS", "maybe", "environment variable MESHWARD_HTTP_DOCS: must be true or false"),
        ("MESHWARD_UPDATES_AT_ONCE", "many", "variable MESHWARD_UPDATES_AT_ONCE: must be a whole number"),
        ("MESHWARD_NODE_ID", "0", "MESHWARD_NODE_ID: 0 is not a node id"),
        ("MESHWARD_HTTP_BIN", "x", "MESHWARD_HTTP_BIN is not known; did you mean MESHWARD_HTTP_BIND?"),
        ("MESHWARD_HTTP_TLS_KEY", "x", "http.tls_key needs the other one"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path, variable, value, expected):
    assert expected in complaint(tmp_path, **{variable: value})


def test_variables_of_other_things_are_left_alone(tmp_path):
    assert loaded(tmp_path, MESHWARD_TOKEN="mw_x", MESHWARD_SEED="1").http == Http()


def test_lines_are_found_behind_texts_that_look_like_keys():
    text = 'a = """\nbind = 1\n[http]\n"""\n# [http]\n[log]\nbind = 2\n\n[http] # bind\n\n"bind" = 3\n'
    assert tomllib.loads(text)["http"]["bind"] == 3
    assert line_of(text, ("http", "bind")) == 11
    assert line_of(text, ("http",)) == 9
    assert line_of(text, ("log", "bind")) == 7
    assert line_of(text, ("http", "docs")) is None


# -- safety ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("http", "warned"),
    [
        ({}, False),
        ({"bind": "localhost:1"}, False),
        ({"bind": "127.1.2.3:1"}, False),
        ({"bind": "0.0.0.0:8080"}, True),
        ({"bind": "pi.local:8080"}, True),
        ({"bind": "0.0.0.0:8080", "enabled": False}, False),
        ({"bind": "0.0.0.0:8080", "tls_cert": "a", "tls_key": "b"}, False),
        ({"bind": "0.0.0.0:8080", "behind_tls": True}, False),
    ],
)
def test_other_machines_without_tls_are_warned_of(http, warned):
    assert bool(Config(http=Http(**http)).warnings()) == warned


def test_nothing_can_be_changed_in_place():
    with pytest.raises(AttributeError):
        Config().data = "x"
    with pytest.raises(AttributeError):
        Config().http.docs = False


# -- other values ----------------------------------------------------------------------------


def test_options_override_and_a_way_to_the_mesh_replaces_the_others():
    config = Config(connect=("a",), http=Http(docs=False))
    changed = with_values(config, {("listen",): "5555", ("http", "bind"): "9000"})
    assert (changed.connect, changed.listen, changed.http) == ((), "5555", Http(docs=False, bind="9000"))
    assert with_values(config, {}) == config


def test_changes_are_those_that_can_be_taken_and_those_that_need_a_restart():
    old = Config()
    new = Config(data="x", http=Http(docs=False), log=Log(level="debug"), updates=Updates(at_once=2))
    changes = changed_keys(old, new)
    assert changes.safe == ("updates.at_once", "log.level")
    assert changes.restart == ("data", "http.docs")
    assert changed_keys(old, old).safe == changed_keys(old, old).restart == ()


# -- init ------------------------------------------------------------------------------------


def uncommented(text):
    return "\n".join(
        line.removeprefix("#") if not line.startswith("# ") else line for line in text.splitlines()
    )


def test_the_written_file_holds_every_key_with_its_default(tmp_path):
    assert tomllib.loads(template()) == {name: {} for name in tables()}
    config = loaded(tmp_path, uncommented(template()))
    for path, key in keys().items():
        if key.about.example:
            assert value_of(config, path) is not None, key.name
            assert key.default is None, key.name
        else:
            assert value_of(config, path) == value_of(Config(), path) == key.default, key.name


def test_every_key_is_explained():
    lines = template().splitlines()
    for key in keys().values():
        at = next(index for index, line in enumerate(lines) if line.startswith(f"#{key.path[-1]} = "))
        assert lines[at - 1].startswith("# ")


def initialised(*arguments):
    app = App(result_action="return_value", exit_on_error=False, print_error=False)
    app.default(init)
    return app(arguments)


def test_init_fills_in_addresses_and_says_what_comes_next(tmp_path, capsys):
    initialised("--connect", "10.1.2.1", "--connect", "b:1")
    config = load_config(None, {"HOME": str(tmp_path)})
    assert config.connect_addresses == (Address("10.1.2.1"), Address("b", 1))
    output = capsys.readouterr().out
    assert f"wrote {tmp_path}/meshward.toml" in output
    assert "meshward run" in output


def test_init_does_not_overwrite_unless_told_to(tmp_path):
    mine = tmp_path / "meshward.toml"
    mine.write_text("node_id = 7\n")
    with pytest.raises(ConflictError, match="there already"):
        initialised("--systemd", str(tmp_path / "unit"))
    assert mine.read_text() == "node_id = 7\n"
    assert [path.name for path in tmp_path.iterdir()] == ["meshward.toml"]
    initialised("--force")
    assert mine.read_text() == template()


def test_init_writes_a_unit_that_starts_with_that_file(tmp_path):
    initialised("etc/my meshward.toml", "--systemd", "meshward.service")
    text = (tmp_path / "meshward.service").read_text()
    assert f'run --config "{tmp_path}/etc/my meshward.toml"\n' in text
    assert load_config(tmp_path / "etc" / "my meshward.toml", {}).http == Http()


def test_a_unit_can_be_printed_alone(tmp_path, capsys):
    initialised("/etc/meshward.toml", "--systemd", "-")
    assert capsys.readouterr().out.startswith("[Unit]\n")
    assert list(tmp_path.iterdir()) == []


def test_the_unit_is_hardened_and_sees_a_program_at_home(tmp_path):
    text = unit("/usr/bin/meshward", tmp_path / "100%.toml")
    settings = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and line[0] != "#")
    assert settings["ExecStart"] == f"/usr/bin/meshward run --config {tmp_path}/100%%.toml"
    assert settings["DynamicUser"] == "yes"
    assert settings["StateDirectory"] == "meshward"
    assert settings["ProtectSystem"] == "strict"
    assert settings["Restart"] == "on-failure"
    assert settings["TimeoutStopSec"] == "10"
    assert settings["ProtectHome"] == "yes"
    assert "ProtectHome=read-only" in unit("/home/pi/.venv/bin/meshward", tmp_path / "a.toml")
