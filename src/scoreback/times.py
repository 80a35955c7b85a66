"""Times as they are stored and computed with: whole microseconds since 1970, UTC."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
HOUR_US = 3_600_000_000


def micros(moment: datetime) -> int:
    """*moment* as microseconds since 1970, exactly.

    Raises:
        ValueError: *moment* has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return (moment - EPOCH) // MICROSECOND


def moment(microseconds: int) -> datetime:
    """The inverse of `micros`, in UTC."""
    return EPOCH + microseconds * MICROSECOND


def span(duration: timedelta) -> int:
    """*duration* in whole microseconds."""
    return duration // MICROSECOND
