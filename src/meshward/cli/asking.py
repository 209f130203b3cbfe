"""Questions on a terminal."""

import signal
import sys


def at_terminal() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirmed(question: str, *, yes: bool, default: bool = False) -> bool:
    """Whether somebody at the terminal says yes; without asking where `yes` is given or nobody is there."""
    return yes or not at_terminal() or ask(question, default=default)


def ask(question: str, *, default: bool) -> bool:
    """Ask until the answer is understood. Ctrl-C ends the command, the end of input is the default."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # asyncio's would wait for the answer
    try:
        while True:
            choice = "Y/n" if default else "y/N"
            print(f"{question} [{choice}] ", end="", file=sys.stderr, flush=True)  # noqa: T201
            answer = sys.stdin.readline().strip().lower()
            if answer in {"", "y", "yes", "n", "no"}:
                return answer[:1] == "y" if answer else default
    finally:
        signal.signal(signal.SIGINT, handler)
