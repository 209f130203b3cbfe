"""Commands of this process against the real web application over a fake service, and what they say."""

import json

from meshward.cli.app import run
from tests.support.cli_gateway import reachable

FOREIGN = ("MESHWARD_DATA", "MESHWARD_CONNECT", "MESHWARD_LISTEN", "MESHWARD_CONFIG")
COLUMNS = 80


class Commands:
    """A terminal of 80 columns, and nobody's configuration."""

    def __init__(self, tmp_path, monkeypatch, capsys, role="admin"):
        monkeypatch.chdir(tmp_path)
        for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
            monkeypatch.setenv(name, str(tmp_path))
        for name in FOREIGN:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("COLUMNS", str(COLUMNS))
        self.service, self.gate = reachable(monkeypatch, role=role)
        self._capsys = capsys

    def told(self, *arguments):
        """(exit status, standard output, standard error)."""
        status = run([str(argument) for argument in arguments])
        captured = self._capsys.readouterr()
        return status, captured.out, captured.err

    def said(self, *arguments, status=0):
        """Standard output of a command that does not complain."""
        got, out, err = self.told(*arguments)
        assert (got, err) == (status, "")
        return out

    def done(self, *arguments, status=0):
        """The JSON of a command that does not complain."""
        return json.loads(self.said(*arguments, "--json", status=status))

    def refused(self, *arguments, status=2):
        """The one line of a command that is refused."""
        got, out, err = self.told(*arguments)
        assert (got, out) == (status, "")
        assert err.startswith("meshward: ")
        assert err.count("\n") == 1
        return err

    def asked(self):
        """What went to the gateway last: method, path and body."""
        request = self.gate.requests[-1]
        return request.method, request.url.path.removeprefix("/api/v1/"), request.content
