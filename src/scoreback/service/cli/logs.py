"""How `serve` speaks: one line an event on standard error, for people or for machines."""

import json
import logging
import re
from datetime import UTC, datetime
from enum import StrEnum

_USER_IN_URL = re.compile(r"(://)[^/@\s]+@")


class LogFormat(StrEnum):
    """Who reads the log."""

    TEXT = "text"
    JSON = "json"


def start_logging(form: LogFormat) -> None:
    """Write our own events, and other libraries' errors, to standard error.

    What libraries warn of, a retry say, becomes a trouble of ours when it does not go by itself.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(form))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.ERROR)
    logging.getLogger("scoreback").setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    logging.getLogger("py.warnings").setLevel(logging.WARNING)


def formatter(form: LogFormat) -> logging.Formatter:
    """Makes the lines of *form*."""
    return _Json() if form == LogFormat.JSON else _Text()


class _Text(logging.Formatter):
    """``2026-01-31T12:00:00Z INFO detector score: what happened``."""

    def format(self, record: logging.LogRecord) -> str:
        about = [getattr(record, name, "") for name in ("detector", "job")]
        who = " ".join(part for part in about if part)
        head = f"{_time(record)} {record.levelname}"
        return f"{head} {who}: {_message(record)}" if who else f"{head} {_message(record)}"


class _Json(logging.Formatter):
    """One JSON object a line."""

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
    """In one line, without what a URL says of its user, which no error of ours holds."""
    text = record.getMessage()
    if record.exc_info and record.exc_info[0] is not None:
        text += f" ({record.exc_info[0].__name__}: {record.exc_info[1]})"
    return _USER_IN_URL.sub(r"\1", "; ".join(line.strip() for line in text.splitlines() if line))
