"""Entry point: runs the command, turns every way it can end into an exit status.

0 done; 1 it failed, with one line on standard error; 2 it was called wrongly; 130 Ctrl-C;
141 whoever read our output stopped reading.
"""

import io
import os
import sys
from typing import NoReturn

_INTERRUPTED = 130
_PIPE_CLOSED = 141


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    status = _INTERRUPTED
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a terminal of another alphabet must not stop us
        # Imported here: Ctrl-C while Python still loads must end cleanly as well.
        from meshward.cli.app import run  # noqa: PLC0415

        status = run(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = _INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes once more at exit, and would complain there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = _PIPE_CLOSED
    sys.exit(status)
