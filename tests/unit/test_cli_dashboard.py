"""`dashboard`: a link for one browser, and whether that browser is opened."""

import asyncio
import webbrowser

import pytest

from meshward.cli.gateway_client import Place
from meshward.cli.gateway_options import GatewayOptions
from meshward.web.sessions import COOKIE
from tests.support.cli_gateway import URL
from tests.support.cli_run import Commands
from tests.support.web import client_of


@pytest.fixture
def opened(monkeypatch):
    """The addresses that browsers were opened at."""
    urls = []
    monkeypatch.setattr(webbrowser, "open", lambda url: urls.append(url) or True)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("DISPLAY", ":0")
    return urls


@pytest.fixture
def commands(tmp_path, monkeypatch, capsys, opened):
    return Commands(tmp_path, monkeypatch, capsys, role="operator")


async def entered(commands, url):
    """The role that a browser has which opens the link."""
    address, code = url.split("#/login/")
    assert address == f"{URL}/"
    async with client_of(commands.gate.app) as browser:
        answer = await browser.post("/api/v1/session", json={"code": code})
        assert answer.cookies[COOKIE]
        return answer.json()["role"]


def test_it_prints_the_link_says_what_it_is_and_opens_it(commands, opened):
    url, words = commands.said("dashboard").splitlines()
    assert opened == [url]
    assert words == "This link logs one browser in, once, within the next 5 minutes."


def test_the_link_lets_a_browser_in_with_the_role_of_the_token(commands):
    url = commands.said("dashboard", "--print").splitlines()[0]
    assert asyncio.run(entered(commands, url)) == "operator"


def test_no_browser_is_opened_where_nobody_wants_or_sees_it(commands, opened, monkeypatch):
    commands.said("dashboard", "--print")
    entry = commands.done("dashboard")
    assert entry["url"].startswith(f"{URL}/#/login/")
    assert entry["expires_in_s"] == 300
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    commands.said("dashboard")
    assert opened == []
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    commands.said("dashboard")
    assert len(opened) == 1


def test_a_browser_that_does_not_start_is_told(commands, monkeypatch):
    monkeypatch.setattr(webbrowser, "open", lambda _url: False)
    assert commands.said("dashboard").splitlines()[2] == "No browser could be opened: open the link yourself."


@pytest.mark.parametrize(
    ("fixed", "base"),
    [
        ({}, URL),
        ({"http.root_path": "/mesh", "alerts.external_url": None}, f"{URL}/mesh"),
        ({"alerts.external_url": "https://mesh.example/m/"}, "https://mesh.example/m"),
    ],
)
def test_a_gateway_of_this_machine_says_where_people_reach_it(commands, monkeypatch, fixed, base):
    commands.service.current.fixed = fixed
    place = Place(URL, commands.service.secret("admin"), is_own=True)
    monkeypatch.setattr(GatewayOptions, "place", lambda _self: place)
    assert commands.done("dashboard")["url"].startswith(f"{base}/#/login/")


def test_without_a_gateway_it_says_what_to_do(commands, monkeypatch, tmp_path):
    monkeypatch.delenv("MESHWARD_URL")
    said = commands.refused("dashboard", "--data", tmp_path / "none", status=1)
    assert f"no gateway runs for {tmp_path / 'none'}: start one with `meshward run`" in said


def test_a_gateway_that_does_not_answer_is_told(commands):
    commands.gate.shut_for = 9
    assert "does not answer" in commands.refused("dashboard", status=1)


def test_a_token_among_the_arguments_is_refused(commands):
    assert "can be seen by everybody" in commands.refused("dashboard", "--token", "mw_x")
