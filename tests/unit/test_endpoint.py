import os

import pytest

from meshward.errors import GatewayError
from meshward.gateway import endpoint
from meshward.gateway.daemon import local_url
from meshward.gateway.endpoint import Endpoint
from meshward.gateway.lock import DAEMON, DataLock

OURS = Endpoint(url="http://127.0.0.1:8080", token="mw_x", pid=os.getpid(), version="1", cafile="/tls.crt")


@pytest.fixture
def data(tmp_path):
    """A data directory whose daemon is this process."""
    with DataLock.acquire(tmp_path, DAEMON):
        yield tmp_path


def test_a_running_daemon_is_found(data):
    endpoint.write(data, OURS)
    assert endpoint.find(data) == OURS
    assert (data / "daemon.json").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in data.iterdir()) == ["daemon.json", "lock"]


def test_the_file_of_a_killed_daemon_means_nothing(tmp_path):
    with DataLock.acquire(tmp_path, DAEMON):
        endpoint.write(tmp_path, OURS)
    assert endpoint.find(tmp_path) is None


def test_nor_does_it_while_the_next_one_starts(data):
    endpoint.write(data, Endpoint(url="http://127.0.0.1:1", token="mw_old", pid=os.getpid() + 1))
    with pytest.raises(GatewayError, match="still starting"):
        endpoint.find(data)


def test_a_daemon_without_http_is_told_of(data):
    with pytest.raises(GatewayError, match=rf"process {os.getpid()}\) cannot be asked.*no HTTP"):
        endpoint.find(data)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_token_that_others_can_read_is_refused(data, mode):
    endpoint.write(data, OURS)
    (data / "daemon.json").chmod(mode)
    with pytest.raises(GatewayError, match="others can read"):
        endpoint.find(data)


def test_a_file_of_another_user_is_refused(data, monkeypatch):
    endpoint.write(data, OURS)
    monkeypatch.setattr("os.geteuid", lambda: 4321)
    if (data / "daemon.json").stat().st_uid == 0:
        assert endpoint.find(data) == OURS  # root may do anything anyway
    else:
        with pytest.raises(GatewayError, match="belongs to another user"):
            endpoint.find(data)


def test_a_link_to_elsewhere_is_not_followed(data, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    endpoint.write(elsewhere, OURS)
    (data / "daemon.json").symlink_to(elsewhere / "daemon.json")
    with pytest.raises(GatewayError, match="cannot be read"):
        endpoint.find(data)


def test_a_damaged_file_is_told_of(data):
    (data / "daemon.json").write_text('{"url": 5')
    (data / "daemon.json").chmod(0o600)
    with pytest.raises(GatewayError, match="damaged"):
        endpoint.find(data)


def test_removing_twice_does_no_harm(data):
    endpoint.write(data, OURS)
    endpoint.remove(data)
    endpoint.remove(data)
    assert not (data / "daemon.json").exists()


def test_tokens_differ():
    assert endpoint.new_token() != endpoint.new_token()
    assert len(endpoint.new_token()) > 40


@pytest.mark.parametrize(
    ("served", "near"),
    [
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("https://0.0.0.0:2", "https://127.0.0.1:2"),
        ("http://[::]:3", "http://[::1]:3"),
        ("http://10.1.2.3:4", "http://10.1.2.3:4"),
    ],
)
def test_all_addresses_means_the_nearest_one(served, near):
    assert local_url(served) == near
