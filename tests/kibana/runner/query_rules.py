"""Query rules: an alert for each event, oldest first, in pages as Kibana searches.

The pages are cut by time alone (``search_after`` without a tie-breaker), as in Kibana: where more
events than a page holds have one and the same time, those beyond the page are never seen.
"""

from typing import Any

from tests.kibana.runner.filters import rule_filter, span
from tests.kibana.runner.outcome import LIMIT_REACHED, Hit, Run
from tests.kibana.runner.suppression import suppress
from tests.kibana.runner.writing import alert_of, create, from_itself

_PAGE = 100


def run_query(run: Run, begin: float, end: float, most: int) -> None:
    """Search one span and write at most so many alerts."""
    group_by = (run.body.get("alert_suppression") or {}).get("group_by")
    if group_by and run.simulator.platinum:
        suppress(run, rule_filter(run), begin, end, most, group_by)
        return
    each(run, [rule_filter(run), span(run, begin, end)], most)


def each(run: Run, filters: list[Any], most: int) -> None:
    """An alert for each event that the filters let through."""
    before = run.created
    after: list[Any] | None = None
    while run.created - before <= most:
        hits = page(run, filters, min(_PAGE, most), after)
        if not hits:
            return
        alerts = [alert_of(run, hit) for hit in hits if not from_itself(run, hit)]
        if create(run, alerts, most - (run.created - before)):
            run.warn(LIMIT_REACHED)
            return
        after = hits[-1]["sort"]


def page(run: Run, filters: list[Any], size: int, after: list[Any] | None) -> list[Hit]:
    """The next events by time."""
    primary, secondary = run.timestamps
    fields = [name for name in (primary, secondary) if name]
    body: dict[str, Any] = {
        "size": size,
        "version": True,
        "track_total_hits": False,
        "query": {"bool": {"filter": filters}},
        "fields": ["*"],
        "sort": [{name: {"order": "asc", "unmapped_type": "date"}} for name in fields],
    }
    if after is not None:
        body["search_after"] = [_sortable(value) for value in after]
    path = f"/{','.join(run.searched)}/_search?ignore_unavailable=true&allow_no_indices=true"
    hits: list[Hit] = run.simulator.cluster.asked("POST", path, body)["hits"]["hits"]
    return hits


def _sortable(value: Any) -> Any:  # noqa: ANN401
    """Elasticsearch sorts a missing time by the highest number, which it takes back as text."""
    return str(value) if isinstance(value, int) and value >= 2**53 - 1 else value
