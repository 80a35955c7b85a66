"""The log of `serve`: one line per event on standard error, as text or as JSON.

Other commands log only how long they wait for a SIEM that does not answer.
"""

import json
import logging
import re
from datetime import UTC, datetime
from enum import StrEnum

from scoreback.service.cli.streams import complain

_QUIET = 30.0  # seconds
_PATIENCE = "scoreback.connectors.patience"  # by name, as importing the module is slow

_USER_IN_URL = re.compile(r"(://)[^/@\s]+@")


class LogFormat(StrEnum):
    """Who reads the log."""

    TEXT = "text"
    JSON = "json"


def start_logging(form: LogFormat) -> None:
    """Log our own events, and the errors of libraries, to standard error.

    Warnings of libraries, such as retries, are left out: if one persists, we log it ourselves.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(form))
    root = logging.getLogger()
    root.addHandler(handler)
    _leave_to_others(logging.getLogger(_PATIENCE))
    root.setLevel(logging.ERROR)
    logging.getLogger("scoreback").setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    logging.getLogger("py.warnings").setLevel(logging.WARNING)


def formatter(form: LogFormat) -> logging.Formatter:
    """The formatter of *form*."""
    return _Json() if form == LogFormat.JSON else _Text()


def tell_of_patience() -> None:
    """Say on standard error when a SIEM does not answer, and how long the command will wait."""
    log = logging.getLogger(_PATIENCE)
    _leave_to_others(log)
    log.addHandler(_Aside())
    log.setLevel(logging.INFO)
    # The library would say the same in its own words.
    logging.getLogger("elastic_transport").addHandler(logging.NullHandler())


def _leave_to_others(log: logging.Logger) -> None:
    for handler in [one for one in log.handlers if isinstance(one, _Aside)]:
        log.removeHandler(handler)


class _Aside(logging.Handler):
    """Prints each line at most once in `_QUIET` seconds, as many requests may fail alike."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        line = _message(record)
        if record.created - self._said.get(line, -_QUIET) >= _QUIET:
            self._said[line] = record.created
            complain(f"scoreback: {line}")


class _Text(logging.Formatter):
    """``2026-01-31T12:00:00Z INFO detector score: what happened``."""

    def format(self, record: logging.LogRecord) -> str:
        about = [getattr(record, name, "") for name in ("detector", "job")]
        who = " ".join(part for part in about if part)
        head = f"{_time(record)} {record.levelname}"
        return f"{head} {who}: {_message(record)}" if who else f"{head} {_message(record)}"


class _Json(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        found = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "detector": getattr(record, "detector", None),
            "job": getattr(record, "job", None),
            "message": _message(record),
            "logger": record.name,
        }
        return json.dumps({name: value for name, value in found.items() if value is not None})


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(record: logging.LogRecord) -> str:
    """The message as one line, without user names and passwords in URLs."""
    text = record.getMessage()
    if record.exc_info and record.exc_info[0] is not None:
        text += f" ({record.exc_info[0].__name__}: {record.exc_info[1]})"
    return _USER_IN_URL.sub(r"\1", "; ".join(line.strip() for line in text.splitlines() if line))
