"""What of a detection rule is ours to write, and what stays the user's."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from scoreback.connectors.elastic.kibana.rules.body import wanted
from scoreback.connectors.elastic.kibana.rules.mark import Mark
from scoreback.connectors.elastic.kibana.rules.ownership import DetectionRule, same
from scoreback.connectors.elastic.kibana.versions import SINCE
from scoreback.deployment import AlertRule, Delivery, Standing, rule_body
from tests.unit.connectors.elastic.kibana.rules.examples import NAMES, rule

NEWEST = SINCE[max(SINCE)]
WILL = wanted(rule(), NAMES, NEWEST, suppresses=True)
CHANGED = wanted(replace(rule(), version="v4-aa"), NAMES, NEWEST, suppresses=True)


def standing_rule(of: AlertRule | None = None, mark: bool = True, **by_hand: Any) -> DetectionRule:  # noqa: ANN401
    """A rule as `apply` leaves it, and then somebody's hand."""
    of = of or rule()
    will = wanted(of, NAMES, NEWEST, suppresses=True)
    there = {**will.body, "enabled": True, "id": "x", "revision": 3, "actions": [{"id": "a"}]}
    kept = {k: v for k, v in {**will.ours, **will.followed}.items() if k not in ("tags", "note")}
    known = Mark(
        rule=rule_body(of), sent={**will.ours, **will.followed}, stored=kept, kibana="9.5.1"
    )
    return DetectionRule({**there, **by_hand}, known if mark else None)


def test_what_we_wrote_is_current_and_nothing_is_to_be_written() -> None:
    assert standing_rule().changes(WILL) == {}
    assert standing_rule().standing(WILL, paused=False).standing == Standing.CURRENT
    assert standing_rule(mark=False).standing(WILL, paused=False).standing == Standing.CURRENT


def test_an_earlier_version_of_ours_is_outdated_and_only_what_differs_is_written() -> None:
    there = standing_rule()
    assert list(there.changes(CHANGED)) == ["query"]
    found = there.standing(CHANGED, paused=False)
    assert found.standing == Standing.OUTDATED
    assert [told.partition(":")[0] for told in found.differences] == ["query"]


def test_what_is_ours_and_was_changed_by_hand_is_told() -> None:
    there = standing_rule(query="scoreback.alert: true", risk_score=1)
    found = there.standing(WILL, paused=False)
    assert found.standing == Standing.EDITED
    assert [told.partition(":")[0] for told in found.differences] == ["query", "risk_score"]
    assert "risk_score: 1 -> 47" in found.differences
    assert set(there.changes(WILL)) == {"query", "risk_score"}


def test_a_rule_under_our_id_that_we_know_nothing_of_is_somebody_elses() -> None:
    there = standing_rule(mark=False, query="*")
    assert there.standing(WILL, paused=False).standing == Standing.FOREIGN


@pytest.mark.parametrize(
    "by_hand",
    [
        {"enabled": False},
        {"interval": "1h", "from": "now-3h"},
        {"actions": [{"id": "mine"}], "exceptions_list": [{"id": "e"}], "filters": [{"f": 1}]},
        {"alert_suppression": {"group_by": ["host.name"]}},
        {"alert_suppression": None},
        {"note": "# Ours\n" + WILL.followed["note"] + "\n\nCall Ada."},
        {"note": "Call Ada."},
        {"tags": [*WILL.followed["tags"], "Tier 1"]},
        {"tags": ["Tier 1"]},
        {"timeline_id": "t", "rule_name_override": "host.name", "meta": {"a": 1}},
        {
            "max_signals": 200,
            "severity_mapping": [{**m, "extra": 1} for m in WILL.ours["severity_mapping"]],
        },
    ],
)
def test_what_is_the_users_is_never_a_difference_and_never_written(by_hand: dict[str, Any]) -> None:
    there = standing_rule(**by_hand)
    assert there.standing(WILL, paused=False).standing == Standing.CURRENT
    assert set(there.changes(CHANGED)) == {"query"}
    whole = there.whole({"query": "q"})
    for key, value in by_hand.items():
        assert whole.get(key) == value


def test_a_longer_interval_of_the_users_looks_back_further() -> None:
    there = standing_rule(interval="1h")
    assert there.changes(WILL) == {"from": "now-7h"}
    by_hand: dict[str, Any] = {"from": "now-21900s"}
    same_in_seconds = standing_rule(**by_hand)
    assert same_in_seconds.changes(WILL) == {}


def test_what_somebody_wrote_around_our_notes_stays_when_ours_change() -> None:
    mine = "# First\n\n" + WILL.followed["note"] + "\n\nCall Ada."
    there = standing_rule(note=mine)
    older = wanted(rule(), NAMES, SINCE[min(SINCE)], suppresses=True)
    changed = there.changes(older)["note"]
    assert changed.startswith("# First\n\n## Triage")
    assert changed.endswith("\n\nCall Ada.")
    assert "has no closing reasons" in changed


def test_tags_of_theirs_stay_and_ours_follow() -> None:
    there = standing_rule(tags=["Tier 1", *WILL.followed["tags"][1:]])
    more = wanted(rule(attack=("T1078",)), NAMES, NEWEST, suppresses=True)
    tags = there.changes(more)["tags"]
    assert "Scoreback" not in tags  # somebody took it off
    assert "Tactic: Persistence" in tags
    assert "Tactic: Exfiltration" not in tags
    assert tags[-1] == "Tier 1"


def test_a_throttle_that_nobody_changed_follows_the_file() -> None:
    longer = wanted(rule(throttle=timedelta(hours=2)), NAMES, NEWEST, suppresses=True)
    assert standing_rule().changes(longer)["alert_suppression"]["duration"]["value"] == 2
    without = wanted(rule(), NAMES, NEWEST, suppresses=False)
    assert standing_rule().changes(without) == {"alert_suppression": None}


def test_a_key_that_is_to_go_is_told() -> None:
    risky = standing_rule(rule(delivery=Delivery.RISK))
    assert risky.changes(WILL) == {"building_block_type": None}
    assert "building_block_type" not in risky.whole({"building_block_type": None})


def test_a_write_that_broke_off_is_ours_whichever_way_it_ended() -> None:
    before = standing_rule()
    assert before.mark is not None
    broken_off = replace(
        before.mark,
        sent={**CHANGED.ours, **CHANGED.followed},
        stored={},
        sent_before=before.mark.sent,
        stored_before=before.mark.stored,
    )
    newest = wanted(replace(rule(), version="v5-bb"), NAMES, NEWEST, suppresses=True)
    for there in (before.there, {**before.there, "query": CHANGED.ours["query"]}):
        found = DetectionRule(there, broken_off)
        assert found.standing(newest, paused=False).standing == Standing.OUTDATED
        assert set(found.changes(newest)) == {"query"}


def test_what_kibana_made_of_what_we_sent_is_no_difference() -> None:
    plain = standing_rule()
    assert plain.mark is not None
    trimmed = {"setup": WILL.ours["setup"].upper()}
    mark = replace(plain.mark, stored={**plain.mark.stored, **trimmed})
    assert DetectionRule({**plain.there, **trimmed}, mark).changes(WILL) == {}
    edited = DetectionRule({**plain.there, "setup": "nothing"}, mark)
    assert edited.standing(WILL, paused=False).standing == Standing.EDITED


def test_a_pause_switches_off_and_back_on_what_we_switched_off_alone() -> None:
    on, off = standing_rule(), standing_rule(enabled=False)
    assert on.switch(paused=True) is False
    assert off.switch(paused=True) is None
    assert on.mark is not None
    by_us = replace(on.mark, paused=True, off=True)
    by_them = replace(on.mark, paused=True, off=False)
    assert DetectionRule(off.there, by_us).switch(paused=False) is True
    assert DetectionRule(off.there, by_them).switch(paused=False) is None
    assert DetectionRule(on.there, by_us).switch(paused=True) is None
    found = on.standing(WILL, paused=True)
    assert (found.standing, found.differences) == (Standing.OUTDATED, ("enabled: True -> False",))


def test_absent_and_empty_are_alike_and_kibana_may_add_to_an_object() -> None:
    assert same(None, [])
    assert same({"a": 1, "b": 2}, {"a": 1})
    assert not same({"a": 2}, {"a": 1})
    assert not same([{"a": 1}, {"a": 2}], [{"a": 1}])
    assert not same("x", None)


def test_the_order_of_tags_is_theirs() -> None:
    there = standing_rule(tags=["Tier 1", *reversed(WILL.followed["tags"])])
    assert there.standing(WILL, paused=False).standing == Standing.CURRENT


def test_a_difference_deep_in_a_long_value_is_shown() -> None:
    query = WILL.ours["query"]
    (told,) = standing_rule(query=f"{query} or x").standing(WILL, paused=False).differences
    assert told.startswith("query: ...")
    before, _, after = told.removeprefix("query: ").partition(" -> ")
    assert before == f"{after} or x"
    threat = [*WILL.ours["threat"], {"framework": "f" * 80}]
    (told,) = standing_rule(threat=threat).standing(WILL, paused=False).differences
    before, _, after = told.removeprefix("threat: ").partition(" -> ")
    assert before != after
    assert max(len(before), len(after)) <= 60
