"""Standard output and error, which may be closed, full or a broken pipe."""

import io
import os
import sys
from contextlib import suppress
from pathlib import Path

import typer

from scoreback.errors import ConfigError

_STANDARD = (0, 1, 2)  # input, output and error


class Output(io.TextIOWrapper):
    """Standard output that remembers why a write failed, even if a library hid the error."""

    failure: OSError | None = None

    def write(self, text: str, /) -> int:
        """Write *text*."""
        try:
            return super().write(text)
        except OSError as error:
            self.failure = error
            raise

    def flush(self) -> None:
        """Write what is buffered."""
        try:
            super().flush()
        except OSError as error:
            self.failure = error
            raise


def open_streams() -> Output | None:
    """Replace standard output by an `Output`; None if something else replaced it already.

    If the process was started without standard streams, they go to the null device. Otherwise the
    next file that is opened, such as a database, would take their place and get what libraries
    print.
    """
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)  # the lowest free one
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
    """Write *text* to standard output.

    Raises:
        ConfigError: it cannot be written; later writes are dropped.
    """
    try:
        typer.echo(text, nl=False)
    except OSError as error:
        raise lost(error) from error


def complain(text: str) -> None:
    """Write one line to standard error, if possible."""
    with suppress(OSError):
        typer.echo(text, err=True)


def lost(error: OSError) -> ConfigError:
    """The error for a standard output that cannot be written; from now on its text is dropped."""
    with suppress(OSError, ValueError):  # else the rest of the buffer would fail again at exit
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, sys.stdout.fileno())
        os.close(silent)
    if isinstance(error, BrokenPipeError):
        return ConfigError(
            "standard output was closed before everything was written",
            hint="read the output to its end, or write it into a file",
        )
    return ConfigError(
        f"standard output cannot be written: {error.strerror or error}",
        hint="free some disk space, or redirect the output elsewhere",
    )
