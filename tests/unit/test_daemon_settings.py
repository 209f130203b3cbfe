"""New settings while the gateway runs, where the stored ones cannot be read."""

import re
from types import SimpleNamespace

from structlog.testing import capture_logs

from meshward.bridges.start import Bridges
from meshward.config import load_config
from meshward.errors import StoreError
from meshward.gateway.daemon import _Daemon, _web_options

NO_BRIDGES = Bridges([], None)


def test_each_gateway_of_a_host_has_a_cookie_of_its_own(tmp_path):
    def cookie(data):
        config = load_config(None, {"HOME": str(tmp_path), "MESHWARD_DATA": str(data)})
        return _web_options(config, "", NO_BRIDGES).cookie

    first, second = cookie(tmp_path / "one"), cookie(tmp_path / "two")
    assert re.fullmatch(r"meshward_session_[0-9a-f]{8}", first)
    assert first != second
    assert cookie(tmp_path / "x" / ".." / "one") == first


async def test_settings_that_cannot_be_read_from_the_store_leave_the_old_ones(tmp_path):
    async def broken(*_args):
        raise StoreError("the disk fails")

    file = tmp_path / "meshward.toml"
    file.write_text("[updates]\nat_once = 1\n")
    environ = {"HOME": str(tmp_path)}
    old = load_config(file, environ)
    file.write_text("[updates]\nat_once = 3\n")
    # It has no `set_engine`: a call would fail the test.
    service = SimpleNamespace(database=SimpleNamespace(read=broken))
    daemon = _Daemon(
        old, lambda: load_config(file, environ), service, keeper=None, bridges=NO_BRIDGES, on_ready=print
    )
    with capture_logs() as logged:
        await daemon._take_new_settings()
    assert [entry["reason"] for entry in logged] == ["the disk fails"]
    assert daemon.config.updates.at_once == 1
