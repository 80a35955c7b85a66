"""Run a saved search once."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tests.splunkd.spl.times import Bounds, instant

if TYPE_CHECKING:
    from tests.splunkd.confs import Stanza
    from tests.splunkd.instance import Instance
    from tests.splunkd.jobs import Job

NOBODY_RUNS_AS = "admin"


def is_on(value: object) -> bool:
    """A switch of a file."""
    return str(value).strip().lower() in ("1", "true", "t", "yes")


def bounds(values: Mapping[str, str], at: float, given: Mapping[str, str]) -> Bounds:
    """The times of a run, relative to when it was scheduled."""

    def bound(name: str) -> float | None:
        return instant(given.get(name, values.get(f"dispatch.{name}", "")), at)

    return Bounds(
        bound("earliest_time"), bound("latest_time"), bound("index_earliest"), bound("index_latest")
    )


def dispatched(
    instance: "Instance",
    stanza: "Stanza",
    at: float,
    user: str = "",
    given: Mapping[str, str] | None = None,
    kind: str = "",
) -> "Job":
    """The job of one run, done.

    Args:
        instance: The search head.
        stanza: The saved search.
        at: The time that its times are relative to.
        user: Who runs it; none: its owner.
        given: ``earliest_time`` and so on, instead of what is saved.
        kind: What the job's id begins with.
    """
    values = stanza.values
    owner = user or (NOBODY_RUNS_AS if stanza.owner in ("nobody", "-") else stanza.owner)
    name = "".join(c if c.isalnum() else "_" for c in stanza.name)
    return instance.jobs.run(
        values.get("search", ""),
        owner=owner,
        app=stanza.app,
        bounds=bounds(values, at, given or {}),
        now=at,
        sid=instance.jobs.sid(f"{kind}{owner}__{stanza.app}__{name}_at_{at:.0f}_"),
        saved_search=stanza.name,
        ttl=86400,
    )
