import pytest

from meshward.addresses import Address
from meshward.errors import SettingsError
from meshward.settings import Settings, load_settings

FILE = """
connect = ["10.1.2.1", "10.1.2.2:5600"]
node_id = 4242
timeout_s = 3
"""


def loaded(tmp_path, text=None, **environ):
    config = None
    if text is not None:
        config = tmp_path / "some.toml"
        config.write_text(text)
    return load_settings(config, {"HOME": str(tmp_path), **environ})


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_nothing_set_gives_the_defaults(tmp_path):
    assert loaded(tmp_path) == Settings()


def test_a_file_is_read(tmp_path):
    settings = loaded(tmp_path, FILE)
    assert settings.connect == (Address("10.1.2.1"), Address("10.1.2.2", 5600))
    assert (settings.node_id, settings.timeout_s, settings.listen) == (4242, 3.0, None)


def test_the_environment_wins_and_its_way_to_the_mesh_replaces_the_files(tmp_path):
    settings = loaded(tmp_path, FILE, MESHWARD_LISTEN="5555", MESHWARD_NODE_ID="7")
    assert (settings.connect, settings.listen, settings.node_id) == ((), Address("0.0.0.0", 5555), 7)
    assert loaded(tmp_path, FILE, MESHWARD_CONNECT="a, b:1").connect == (Address("a"), Address("b", 1))


def test_files_are_looked_for_here_then_in_the_home_folder(tmp_path):
    home = tmp_path / ".config" / "meshward"
    home.mkdir(parents=True)
    (home / "config.toml").write_text('connect = "home"')
    assert loaded(tmp_path).connect == (Address("home"),)
    (tmp_path / "meshward.toml").write_text('connect = "here"')
    assert loaded(tmp_path).connect == (Address("here"),)
    (tmp_path / "named.toml").write_text('connect = "named"')
    assert loaded(tmp_path, MESHWARD_CONFIG="named.toml").connect == (Address("named"),)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("connect = ", "not valid TOML"),
        ("connects = 'a'", "unknown key 'connects'"),
        ("connect = [1]", "in quotes"),
        ("connect = 'a:b'", "65535"),
        ("node_id = '7'", "whole number"),
        ("node_id = true", "whole number"),
        ("node_id = 0", "from 1 to"),
        ("timeout_s = 0", "above 0"),
        ("timeout_s = true", "above 0"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path, text, complaint):
    with pytest.raises(SettingsError, match=complaint) as caught:
        loaded(tmp_path, text)
    assert "some.toml" in str(caught.value)


def test_a_missing_file_that_was_named_is_an_error(tmp_path):
    with pytest.raises(SettingsError, match=r"cannot read .*nowhere\.toml"):
        load_settings(tmp_path / "nowhere.toml", {})


@pytest.mark.parametrize(
    "environ", [{"MESHWARD_NODE_ID": "x"}, {"MESHWARD_CONNECT": ":1"}, {"MESHWARD_LISTEN": "65536"}]
)
def test_a_wrong_variable_is_an_error(tmp_path, environ):
    with pytest.raises(SettingsError, match="MESHWARD_"):
        loaded(tmp_path, **environ)
