"""Verdicts on alerts of Elastic Security, read as labels: of Elastic's own rules, and of ours."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from scoreback.connectors.elastic.kibana.labels import pages
from scoreback.records import TimeWindow
from tests.elasticsearch.direct import done, fill, make, rows
from tests.integration.kibana_alerts import (
    DAY,
    ENTITY,
    HOUR,
    MINUTE,
    START,
    Bench,
    bench,
    closed,
    event,
    iso,
    opened,
)
from tests.kibana import alerts_index

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def shared(elasticsearch_url: str) -> Iterator[Bench]:
    with bench(elasticsearch_url) as found:
        yield found


@pytest.fixture
def siem(shared: Bench) -> Bench:
    """A space without alerts."""
    shared.clear()
    return shared


def test_a_space_without_alerts_has_no_labels(siem: Bench) -> None:
    assert siem.labels() == []


def test_a_closing_reason_is_a_label_of_the_event_that_the_alert_is_about(siem: Bench) -> None:
    siem.put("a1", [event("e1")], closed(START + HOUR, "false_positive"))
    siem.put("a2", [event("e2")])
    (row,) = siem.labels()
    assert row == {
        "event_id": "e1", "entity": None, "since": None, "until": None,
        "verdict": "false_positive", "label_time": START + HOUR, "labeller": "u_ada",
        "source": "verdict", "propensity": None, "alert_id": "a1", "rule": "Their rule",
        "withdrawn": False,
    }  # fmt: skip


def test_an_event_is_named_as_the_door_to_events_names_it(siem: Bench) -> None:
    index = f"logs-named-{siem.kibana.home}"
    make(siem.url, index)
    source = {"@timestamp": iso(START), "event": {"ingested": iso(START)}}
    fill(siem.url, index, [{"_id": "Ab_c-1", **source}])
    siem.put("a1", [event("Ab_c-1", index=index)], closed(START + HOUR, "true_positive"))
    window = TimeWindow(since=START - HOUR, until=START + HOUR)
    events = rows(siem.connector, index, window)
    assert [row["event_id"] for row in events] == [row["event_id"] for row in siem.labels()]
    done(siem.url, "DELETE", f"/{index}")


def test_each_reason_means_what_the_table_says(siem: Bench) -> None:
    reasons = ("true_positive", "benign_positive", "false_positive", "other", "duplicate",
               "automated_closure", "Red team", None)  # fmt: skip
    for number, reason in enumerate(reasons):
        hit = event(f"e{number}", source={"ip": f"10.0.0.{number}"})
        siem.put(f"a{number}", [hit], closed(START + HOUR, reason))
    assert siem.verdicts() == {
        "a0": ("e0", "true_positive"),
        "a1": ("e1", "benign_positive"),
        "a2": ("e2", "false_positive"),
        "a3": ("e3", "undetermined"),
        "a4": (None, "ended"),
        "a5": (None, "ended"),
        "a6": ("e6", "undetermined"),
        "a7": ("e7", "undetermined"),
    }


def test_the_settings_say_what_reasons_and_tags_of_ones_own_mean(elasticsearch_url: str) -> None:
    table = {"Red Team": "benign_positive", "other": "ignore", "known scanner": "false_positive"}
    with bench(elasticsearch_url, verdicts=table) as siem:
        siem.put("a1", [event("e1")], closed(START + HOUR, "red team"))
        siem.put("a2", [event("e2")], closed(START + HOUR, "other"))
        tagged = closed(
            START + HOUR, None, {"kibana.alert.workflow_tags": ["ticket-7", "Known scanner"]}
        )
        siem.put("a3", [event("e3")], tagged)
        assert siem.verdicts() == {
            "a1": ("e1", "benign_positive"),
            "a2": (None, "ended"),
            "a3": ("e3", "false_positive"),
        }


def test_where_there_is_no_reason_tags_say_it(siem: Bench) -> None:
    tagged = (
        ["False Positive"],
        ["Further investigation required"],
        ["False Positive", "True Positive"],
    )
    for number, tags in enumerate(tagged):
        state = closed(START + HOUR, None, {"kibana.alert.workflow_tags": tags})
        siem.put(f"a{number}", [event(f"e{number}")], state)
    assert siem.verdicts() == {
        "a0": ("e0", "false_positive"),
        "a1": ("e1", "undetermined"),
        "a2": ("e2", "undetermined"),
    }
    # The tag may have been put after the closing, which was told already.
    times = {row["alert_id"]: row["label_time"] - START - HOUR for row in siem.labels()}
    late = timedelta(microseconds=1)
    assert times == {"a0": late, "a1": timedelta(0), "a2": late}


def test_an_alert_that_is_open_again_ends_what_was_told_of_it(siem: Bench) -> None:
    siem.put("a1", [event("e1")], opened(START + HOUR))
    siem.put("a2", [event("e2")], opened(START + 2 * HOUR, "acknowledged"))
    siem.put("a3", [event("e3")])  # new: nothing was told of it
    rows = siem.labels()
    assert [(r["alert_id"], r["withdrawn"], r["event_id"]) for r in rows] == [
        ("a1", True, None),
        ("a2", True, None),
    ]
    assert [r["label_time"] for r in rows] == [START + HOUR, START + 2 * HOUR]


def test_a_query_names_a_time_and_rules(siem: Bench) -> None:
    for number in range(4):
        state = closed(START + number * HOUR, "true_positive")
        siem.put(f"a{number}", [event(f"e{number}")], state, name=f"Rule {number % 2}")
    assert list(siem.verdicts(since=START + HOUR, until=START + 3 * HOUR)) == ["a1", "a2"]
    late = START + HOUR + timedelta(microseconds=1)
    assert list(siem.verdicts(since=late, until=late + HOUR)) == ["a2"]
    assert list(siem.verdicts(rules=("Rule 0",))) == ["a0", "a2"]
    assert list(siem.verdicts(rules=("their-rule",))) == ["a0", "a1", "a2", "a3"]
    assert siem.verdicts(rules=("Rule",)) == {}


def test_building_blocks_are_no_alerts_of_their_own(siem: Bench) -> None:
    state = closed(START + HOUR, "true_positive", {"kibana.alert.building_block_type": "default"})
    siem.put("a1", [event("e1")], state)
    assert siem.labels() == []


def test_who_closed_it_is_unknown_where_kibana_does_not_say(siem: Bench) -> None:
    siem.put("a1", [event("e1")], closed(START + HOUR, "true_positive", by=None))
    siem.put(
        "a2",
        [event("e2")],
        closed(START + HOUR, "true_positive") | {"kibana.alert.workflow_user": ["u_bob"]},
    )
    assert {row["labeller"] for row in siem.labels()} == {"unknown", "u_bob"}


def test_an_alert_about_an_alert_is_about_its_event(siem: Bench) -> None:
    first = siem.alert("a1", [event("e1")])
    hit = {"_index": alerts_index.backing(siem.kibana.home), "_id": "a1", "_source": first}
    siem.put("a2", [hit], closed(START + HOUR, "true_positive"))
    assert siem.verdicts() == {"a2": ("e1", "true_positive")}


def test_a_threshold_rules_verdict_is_about_its_entity_while_it_counted(siem: Bench) -> None:
    made_up = event("not-an-event", START + 5 * MINUTE, index="logs-a,logs-b")
    result = {"from": iso(START), "count": 7, "terms": [{"field": ENTITY, "value": "10.0.0.1"}]}
    state = closed(START + HOUR, "true_positive", {"kibana.alert.threshold_result": result})
    siem.put("a1", [made_up], state, type="threshold")
    (row,) = siem.labels()
    assert (row["event_id"], row["entity"]) == (None, "10.0.0.1")
    assert (row["since"], row["until"]) == (START, START + 5 * MINUTE + timedelta(microseconds=1))
    assert siem.labels(entity="user.name") == []  # it names no user


def test_statistics_are_about_their_entity_for_as_long_as_the_rule_looked_back(
    siem: Bench,
) -> None:
    row = {"_index": "", "_id": "", "_source": {ENTITY: "10.0.0.9", "events": 40}}
    alert = siem.alert("a1", [row], closed(START + HOUR, "false_positive"), type="esql")
    assert alert["kibana.alert.ancestors"] == [{"id": "", "type": "event", "index": "", "depth": 0}]
    siem.put_all({"a1": alert})
    (label,) = siem.labels()
    assert (label["event_id"], label["entity"]) == (None, "10.0.0.9")
    ran = START + MINUTE
    assert (label["since"], label["until"]) == (ran - 6 * MINUTE, ran + timedelta(microseconds=1))


def test_a_sequence_is_about_its_entity_from_its_first_event_to_its_last(siem: Bench) -> None:
    index = f"logs-sequence-{siem.kibana.home}"
    make(siem.url, index)
    times = (START + 3 * MINUTE, START, START + MINUTE)
    fill(siem.url, index, [{"_id": f"s{n}", "@timestamp": iso(at)} for n, at in enumerate(times)])
    hits = [event(f"s{n}", at, index=index) for n, at in enumerate(times)]
    siem.put("a1", hits, closed(START + HOUR, "true_positive"), type="eql")
    (label,) = siem.labels()
    assert (label["event_id"], label["entity"]) == (None, "10.0.0.1")
    assert label["since"] == START
    assert label["until"] == START + 3 * MINUTE + timedelta(microseconds=1)
    done(siem.url, "DELETE", f"/{index}")  # the events age out
    (label,) = siem.labels()
    assert label["since"] <= START <= START + 3 * MINUTE <= label["until"]


def test_an_event_that_is_gone_is_told_by_its_copy_where_entities_are_asked_for(
    siem: Bench,
) -> None:
    index = f"logs-gone-{siem.kibana.home}"
    make(siem.url, index)
    fill(siem.url, index, [{"_id": "there", "@timestamp": iso(START)}])
    for name in ("there", "gone"):
        siem.put(name, [event(name, index=index)], closed(START + HOUR, "true_positive"))
    siem.put(
        "lost", [event("lost", index="logs-of-no-more")], closed(START + HOUR, "true_positive")
    )
    assert siem.verdicts() == {name: (name, "true_positive") for name in ("there", "gone", "lost")}
    rows = {row["alert_id"]: row for row in siem.labels(window=HOUR)}
    assert rows["there"]["event_id"] == "there"
    for name in ("gone", "lost"):
        assert (rows[name]["event_id"], rows[name]["entity"]) == (None, "10.0.0.1")
        assert rows[name]["since"] == START - HOUR
        assert rows[name]["until"] == START + HOUR + timedelta(microseconds=1)
    done(siem.url, "DELETE", f"/{index}")


def test_alerts_of_other_versions_and_shapes_lie_side_by_side(siem: Bench) -> None:
    siem.put("new", [event("e1")], closed(START + HOUR, "true_positive"))
    older = alerts_index.add_older(siem.kibana.cluster, siem.kibana.home, "8.0")
    # Closed before Kibana wrote down when: nobody can say since when that is a label.
    siem.put("old", [event("e2")], closed(START + HOUR, "true_positive"), index=older)
    nested = {"kibana": {"alert": {
        "workflow_status": "closed", "workflow_status_updated_at": iso(START + 2 * HOUR),
        "workflow_reason": ["false_positive"], "workflow_user": "u_bob", "uuid": "nested",
        "ancestors": {"id": "e3", "index": "logs-x", "depth": 0, "type": "event"},
        "rule": {"name": "Nested", "rule_id": "n", "type": "query", "uuid": "u"},
    }}}  # fmt: skip
    siem.put_all({"nested": nested})
    assert siem.verdicts() == {
        "new": ("e1", "true_positive"),
        "nested": ("e3", "false_positive"),
    }


def test_thousands_that_were_closed_at_once_are_each_told_once(
    siem: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_ROWS", 700)
    state = closed(START + HOUR, "false_positive")
    names = [f"a{n:05d}" for n in range(10_000)]
    siem.put_all({name: siem.alert(name, [event(f"e-{name}")], state) for name in names})
    assert sorted(siem.verdicts()) == names


def test_a_duplicate_follows_the_nearest_of_its_rule_and_entity(siem: Bench) -> None:
    def put(name: str, minutes: int, reason: str | None, hours: int, ip: str = "10.0.0.1") -> None:
        hit = event(name, START + minutes * MINUTE, source={"ip": ip})
        siem.put(f"a-{name}", [hit], closed(START + hours * HOUR, reason))

    put("far", 0, "true_positive", 1)
    put("near", 30, "false_positive", 4)
    put("other", 31, "true_positive", 1, ip="10.0.0.2")
    put("copy", 40, "duplicate", 2)
    put("lonely", 40, "duplicate", 2, ip="10.0.0.3")
    told = [row for row in siem.labels() if row["alert_id"] == "a-copy" and not row["withdrawn"]]
    assert [(row["event_id"], row["verdict"]) for row in told] == [("copy", "false_positive")]
    assert told[0]["label_time"] == START + 4 * HOUR  # only then was there a verdict to follow
    assert not [r for r in siem.labels() if r["alert_id"] == "a-lonely" and not r["withdrawn"]]
    before = siem.labels(until=START + 4 * HOUR)  # until then the other one was the nearest
    assert [r["verdict"] for r in before if r["event_id"] == "copy"] == ["true_positive"]
    late = siem.labels(since=START + 3 * HOUR)
    assert {row["alert_id"] for row in late if not row["withdrawn"]} == {"a-near", "a-copy"}


def test_a_duplicate_of_what_was_opened_again_has_no_label(siem: Bench) -> None:
    siem.put("first", [event("e1")], opened(START + 5 * HOUR))
    siem.put("copy", [event("e2")], closed(START + 2 * HOUR, "duplicate"))
    ends = [row["label_time"] for row in siem.labels() if row["alert_id"] == "copy"]
    assert ends == [START + 2 * HOUR, START + 5 * HOUR]
    assert all(row["withdrawn"] for row in siem.labels())


def test_an_alert_about_our_score_leads_to_the_scored_event(siem: Bench) -> None:
    stream = f".ds-scoreback.scores-{siem.connector.given.namespace}-2026.03.02-000001"
    score = {"@timestamp": iso(START), "scoreback": {"event": {"id": "e7"}, "score": 0.9}}
    flat = {"@timestamp": iso(START), "scoreback.event.id": "e8"}
    tags = ["Scoreback", "Scoreback Detector: mine"]
    for name, source in (("s7", score), ("s8", flat)):
        hit = {"_index": stream, "_id": name, "_source": source}
        state = closed(START + HOUR, "true_positive")
        siem.put(name, [hit], state, name="Scoreback: mine", tags=tags)
    health = stream.replace(".scores-", ".health-")
    hit = {"_index": health, "_id": "h", "_source": {"@timestamp": iso(START)}}
    siem.put("health", [hit], closed(START + HOUR, "true_positive"), tags=["Scoreback"])
    assert siem.verdicts() == {"s7": ("e7", "true_positive"), "s8": ("e8", "true_positive")}
    assert {row["rule"] for row in siem.labels()} == {"mine"}
    assert len(siem.labels(rules=("mine",))) == 2


def test_labels_are_read_from_the_day_before_on(siem: Bench) -> None:
    siem.put("a1", [event("e1")], closed(START - DAY, "true_positive"))
    assert len(siem.labels()) == 1
