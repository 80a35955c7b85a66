"""Standard output and error, which may be closed, full, or read by nobody any more."""

import io
import os
import sys
from contextlib import suppress
from pathlib import Path

import typer

from scoreback.errors import ConfigError

_STANDARD = (0, 1, 2)  # input, output and error


class Output(io.TextIOWrapper):
    """Standard output that remembers why it could not be written, whoever caught the error."""

    failure: OSError | None = None

    def write(self, text: str, /) -> int:
        """Write *text*."""
        try:
            return super().write(text)
        except OSError as error:
            self.failure = error
            raise

    def flush(self) -> None:
        """Write what waits."""
        try:
            super().flush()
        except OSError as error:
            self.failure = error
            raise


def open_streams() -> Output | None:
    """Make standard output one that remembers; None where it is not the process's own.

    Streams that this process was started without get a place to go. Else the next file that is
    opened, a database say, would be in their place, and get what a library prints.
    """
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)  # the lowest that is free
        if descriptor > _STANDARD[-1]:
            os.close(descriptor)
            break
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for good
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for good
    elif sys.stdout is sys.__stdout__ and isinstance(sys.stdout, io.TextIOWrapper):
        encoding, errors, lines = (
            sys.stdout.encoding,
            sys.stdout.errors,
            sys.stdout.line_buffering,
        )
        own = Output(sys.stdout.detach(), encoding, errors, line_buffering=lines)
        sys.stdout = sys.__stdout__ = own  # type: ignore[misc]  # the old one is detached
        return own
    return None


def write(text: str) -> None:
    """*text* to standard output.

    Raises:
        ConfigError: it cannot be written there; from then on nothing is.
    """
    try:
        typer.echo(text, nl=False)
    except OSError as error:
        raise lost(error) from error


def complain(text: str) -> None:
    """One line to standard error, if that can be written."""
    with suppress(OSError):
        typer.echo(text, err=True)


def lost(error: OSError) -> ConfigError:
    """What is to be said where standard output cannot be written; nothing goes there any more."""
    with suppress(OSError, ValueError):  # what is left in the buffer would fail again at the end
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, sys.stdout.fileno())
        os.close(silent)
    if isinstance(error, BrokenPipeError):
        return ConfigError(
            "standard output was closed before all was written",
            hint="read it to its end, or write it into a file",
        )
    return ConfigError(
        f"standard output cannot be written: {error.strerror or error}",
        hint="free some space, or send it somewhere else",
    )
