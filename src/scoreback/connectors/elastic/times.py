"""Times as Elasticsearch and Arrow have them: UTC microseconds, and ISO 8601 text."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


def micros(when: datetime) -> int:
    """*when* as microseconds since 1970."""
    return (when - _EPOCH) // _US


def moment(us: int) -> datetime:
    """Microseconds since 1970 as a time, UTC."""
    return _EPOCH + us * _US


def text(when: datetime) -> str:
    """*when* as a ``date_nanos`` field takes it."""
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parsed(written: str) -> datetime:
    """A time that `text` wrote."""
    return datetime.fromisoformat(written)
