"""Times as Elasticsearch's documents write them: ISO 8601 text."""

from datetime import UTC, datetime


def text(when: datetime) -> str:
    """*when* as a ``date_nanos`` field accepts it."""
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parsed(written: str) -> datetime:
    """A time that `text` wrote."""
    return datetime.fromisoformat(written)
