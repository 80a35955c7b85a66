"""What Kibana's dashboards ask, asked of a real node that has the demo's week."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from scoreback.connectors.elastic.times import text
from scoreback.health import HealthDocument
from tests.elasticsearch.fixtures import elasticsearch_url
from tests.packaging.demo_week import NOW, Week, week_of_this_run
from tests.packaging.elastic_dashboards import Lens, all_panels
from tests.packaging.elastic_week import ALERTS, Asking, asked, happened
from tests.packaging.lens_search import Row, collapsed, rows_of, search_of

__all__ = ["elasticsearch_url"]
LENSES = all_panels()


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Week:
    return week_of_this_run(tmp_path_factory)


@pytest.fixture(scope="module")
def asking(elasticsearch_url: str, week: Week) -> Iterator[Asking]:
    with happened(elasticsearch_url, week) as found:
        yield found


def lens_of(dashboard: str, name: str) -> Lens:
    [found] = [one for one in LENSES if (one.dashboard, one.id) == (dashboard, name)]
    return found


def newest(week: Week, kind: str, detector: str) -> HealthDocument:
    return max(
        (one for one in week.health if one.kind == kind and one.detector == detector),
        key=lambda one: one.at,
    )


@pytest.mark.parametrize("lens", LENSES, ids=lambda one: f"{one.dashboard}-{one.id}")
def test_every_panel_shows_rows_with_values(asking: Asking, lens: Lens) -> None:
    rows = asking.rows(lens)
    assert rows
    for name, column in lens.columns.items():
        if not column["isBucketed"]:
            known = [row[name] for row in rows if row[name] is not None]
            assert known or may_be_unknown(lens, name), f"{name} is always empty"


def may_be_unknown(lens: Lens, name: str) -> bool:
    """Figures that are absent while all is well, or of what the demo lacks.

    That is some kinds of features, and hits that are held back by us: there the rules do it. Who
    decided is absent while nobody has, the highest thousandth while fewer are scored.
    """
    field = lens.columns[name].get("sourceField", "")
    return field.rpartition(".")[2] in (
        "why",
        "error",
        "unseen",
        "usual_unseen",
        "suppressed_today",
        "suppressed_last_day",
        "recall_why",
        "decided_by",
        "decided_at",
        "p999",
    )


def test_figures_over_all_detectors_are_those_of_their_latest_looks(
    asking: Asking, week: Week
) -> None:
    detectors = {one.detector for one in week.health}

    def shown(name: str) -> Row:
        lens = lens_of("scoreback-now", name)
        [row] = collapsed(lens, asking.rows(lens))
        return row

    def told(kind: str, figure: str) -> list[float]:
        looks = [newest(week, kind, name) for name in detectors]
        return [float(str(one.figures[figure])) for one in looks]

    assert shown("waiting")["figure0"] == sum(told("labels", "open_alerts"))
    longest = max(told("labels", "oldest_open"))
    assert shown("oldest")["figure0"] == pytest.approx(longest / 86400)
    assert shown("used")["figure0"] == sum(told("alerts", "today"))
    assert shown("used")["limit"] == sum(told("alerts", "budget"))
    states = [newest(week, "status", name).figures["state"] for name in detectors]
    assert shown("unwell")["figure0"] == sum(state != "ok" for state in states)


def test_a_figure_that_the_latest_look_lacks_is_empty_whatever_was_known_before(
    asking: Asking, week: Week
) -> None:
    lens = lens_of("scoreback-well", "conditions")
    for row in asking.rows(lens):
        status = newest(week, "status", row["row0"])
        assert row["figure8"] == status.figures.get("why")


def test_a_chosen_detector_is_the_only_one_shown(asking: Asking) -> None:
    for lens in LENSES:
        if lens.view == ALERTS:
            continue
        rows = asking.rows(lens, only="alert_triage")
        for name, column in lens.columns.items():
            if column.get("sourceField") == "scoreback.detector" and column["isBucketed"]:
                shown = {row[name] for row in rows}
                assert shown == ({"alert_triage"} if rows else set()), lens.id
        assert rows or lens.id == "recalled", lens.id  # the other detector's alone


def test_an_event_that_is_stored_twice_is_counted_once(asking: Asking) -> None:
    lens = lens_of("scoreback-now", "hours")
    before = asking.rows(lens)
    index = asking.indices["scoreback-scores"]
    window = {"gte": text(NOW - timedelta(hours=20)), "lte": text(NOW)}
    alerts = [{"term": {"scoreback.alert": True}}, {"range": {"@timestamp": window}}]
    body = {"size": 1, "query": {"bool": {"filter": alerts}}}
    found = asking.search(index, body)["hits"]["hits"][0]
    # As after a rollover, which takes the same id again; here under another.
    again = f"{asking.url}/{index}/_create/again-{time.time_ns()}?refresh=true"
    asked(again, found["_source"])
    assert asking.rows(lens) == before


def test_open_alerts_are_those_of_our_rules_that_nobody_closed(asking: Asking) -> None:
    [row] = asking.rows(lens_of("scoreback-now", "open"))
    assert row["row0"] == "Scoreback: alert_triage"
    assert row["figure0"] == 2
    assert row["figure1"] == 49


def test_samples_to_be_judged_stand_apart_from_findings(asking: Asking) -> None:
    rows = asking.rows(lens_of("scoreback-now", "samples"))
    assert {(row["row0"], row["figure0"]) for row in rows} == {
        ("Scoreback: alert_triage, audit", 1),
        ("Scoreback: alert_triage, explore", 1),
    }


def test_what_a_shadow_alone_showed_is_counted_beside_the_alerts(
    asking: Asking, week: Week
) -> None:
    lens = lens_of("scoreback-now", "detectors")
    [explored] = [name for name, column in lens.columns.items() if column["label"] == "Explored"]
    shown = {row["row0"]: row[explored] for row in asking.rows(lens)}
    told = {name: newest(week, "alerts", name).figures["explored_last_day"] for name in shown}
    assert shown == told
    assert shown["alert_triage"]


def test_scores_of_champion_and_shadow_stand_side_by_side_as_health_tells_them(
    asking: Asking, week: Week
) -> None:
    lens = lens_of("scoreback-well", "spread")
    rows = {row["row1"]: row for row in asking.rows(lens, only="alert_triage")}
    told = {
        one.subject: one.figures
        for one in week.health
        if (one.kind, one.detector, one.at) == ("spread", "alert_triage", NOW)
    }
    assert {row["figure0"] for row in rows.values()} == {"live", "shadow"}
    assert {name: row["figure4"] for name, row in rows.items()} == {
        name: pytest.approx(figures["p99"]) for name, figures in told.items()
    }


def test_live_panels_count_neither_audits_nor_shadows(asking: Asking, week: Week) -> None:
    since = NOW - timedelta(hours=24)
    live = {
        score["event_id"]
        for batch in week.scores
        for score in batch.batch.to_pylist()
        if score["stage"] == "live" and score["alert"] and since <= score["event_time"] <= NOW
    }
    rows = asking.rows(lens_of("scoreback-now", "hours"))
    assert sum(row["figure0"] for row in rows) == len(live)
    by_version = asking.rows(lens_of("scoreback-well", "shadow_volume"))
    stages = {
        (score["version"], score["stage"])
        for batch in week.scores
        for score in batch.batch.to_pylist()
        if score["alert"] and score["event_time"] >= NOW - timedelta(days=7)
    }
    shown = {version for version, stage in stages if stage in ("live", "shadow")}
    assert {row["split"] for row in by_version} == shown
    assert {stage for _, stage in stages} >= {"live", "shadow", "audit", "explore"}


def test_the_gate_a_recall_and_the_quarantine_are_shown_as_health_tells_them(
    asking: Asking, week: Week
) -> None:
    told = {(one.detector, one.subject): one for one in week.health if one.kind == "gate"}
    shown = {
        (row["row0"], row["row1"]): row for row in asking.rows(lens_of("scoreback-well", "gate"))
    }
    assert set(shown) == set(told)
    for key, document in told.items():
        assert shown[key]["figure0"] == document.figures["outcome"]
        assert shown[key]["figure6"] == document.figures["why"]
    recalled = {(one.detector, one.subject): one for one in week.health if one.kind == "recall"}
    rows = asking.rows(lens_of("scoreback-now", "recalled"))
    assert {(row["row0"], row["row1"]) for row in rows} == set(recalled)
    for row in rows:
        figures = recalled[row["row0"], row["row1"]].figures
        assert (row["figure1"], row["figure4"]) == (figures["by"], figures["recalled"])
    for row in asking.rows(lens_of("scoreback-well", "quarantine")):
        labels = newest(week, "labels", row["row0"])
        assert row["figure0"] == labels.figures["quarantined"]


def test_entities_are_ranked_by_their_highest_risk_with_reasons_in_words(asking: Asking) -> None:
    rows = asking.rows(lens_of("scoreback-now", "entities"))
    risks = [row["figure0"] for row in rows]
    assert risks == sorted(risks, reverse=True)
    assert all(isinstance(row["figure4"], list) and row["figure4"] for row in rows)
    assert all("{" not in reason for row in rows for reason in row["figure4"])


def test_an_empty_cluster_gives_no_rows_and_no_errors(asking: Asking) -> None:
    for lens in LENSES:
        body = search_of(lens, since="1999-01-01T00:00:00Z", until="1999-01-02T00:00:00Z")
        assert rows_of(lens, asking.search(asking.indices[lens.view], body)) == []
