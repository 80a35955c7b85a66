from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoreback.connectors.doors import AlertFields, AlertQuery
from scoreback.connectors.local import LocalConnector
from scoreback.connectors.local.rule_engine import alerting
from scoreback.deployment import AlertRule
from scoreback.errors import SiemRefused
from scoreback.records import LabelQuery, ScoreBatch, Severity, Verdict
from scoreback.suppression import Suppression, opened_by
from tests.unit.connectors.local.raising import NOW, raise_alerts, score

START = datetime(2024, 3, 1, tzinfo=UTC)
RULE = AlertRule(
    name="r", detector="d", version="v1-aa", per_entity=2,
    throttle=timedelta(minutes=30), budget=20.0, severity=Severity.MEDIUM,
)  # fmt: skip
MakeScores = Callable[..., ScoreBatch]


def groups(siem: LocalConnector) -> list[tuple[str, str | None, int]]:
    return [(a.event_id, a.entity, a.events) for a in siem.alerts.find()]


def test_throttle_and_cap_group_the_hits_of_an_entity(
    siem: LocalConnector, make_scores: MakeScores
) -> None:
    siem.rules.apply(RULE)
    hits = [(0, "a"), (10, "a"), (40, "a"), (100, "a"), (200, "a"), (41, "b"), (1500, "a")]
    score(siem, make_scores(hits))
    assert groups(siem) == [("e0", "a", 2), ("e40", "a", 3), ("e41", "b", 1), ("e1500", "a", 1)]


def test_hits_without_an_entity_are_never_grouped(
    siem: LocalConnector, make_scores: MakeScores
) -> None:
    siem.rules.apply(RULE)
    score(siem, make_scores([(0, None), (1, None)]))
    assert groups(siem) == [("e0", None, 1), ("e1", None, 1)]


hit = st.tuples(st.integers(0, 3000), st.sampled_from(["a", "b", None]))


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hits=st.lists(hit, unique=True, max_size=25), cuts=st.lists(st.integers(0, 25), max_size=3))
def test_writes_cut_anywhere_raise_the_alerts_of_one_write(
    hits: list[tuple[int, str | None]],
    cuts: list[int],
    make_scores: MakeScores,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    hits = sorted(hits, key=lambda h: (h[0], str(h[1])))
    folder = tmp_path_factory.mktemp("cut")
    whole, pieces = (LocalConnector.open("t", {"path": folder / n}) for n in ("whole", "pieces"))
    for siem in (whole, pieces):
        siem.rules.apply(RULE)
    score(whole, make_scores(hits))
    bounds = [0, *sorted(min(c, len(hits)) for c in cuts), len(hits)]
    for a, b in pairwise(bounds):
        score(pieces, make_scores(hits[a:b]))
    assert list(pieces.alerts.find()) == list(whole.alerts.find())


def test_a_late_hit_joins_the_alert_that_was_opened_just_after_it(
    siem: LocalConnector, make_scores: MakeScores
) -> None:
    siem.rules.apply(RULE)
    score(siem, make_scores([(100, "a")]))
    score(siem, make_scores([(90, "a"), (10, "a")]))
    assert groups(siem) == [("e10", "a", 1), ("e100", "a", 2)]


def test_what_a_crash_kept_from_the_rules_is_caught_up_once(
    siem: LocalConnector, make_scores: MakeScores, monkeypatch: pytest.MonkeyPatch
) -> None:
    siem.rules.apply(RULE)

    def crash(*_args: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(alerting, "_raise_alerts", crash)
        with pytest.raises(KeyboardInterrupt):
            score(siem, make_scores([(0, "a"), (5, "b")]))
    assert list(siem.alerts.find()) == []
    later = NOW + timedelta(minutes=9)
    report = score(siem, make_scores([(0, "a"), (5, "b")]), at=later)
    assert (report.written, report.already_there) == (0, 2)
    assert groups(siem) == [("e0", "a", 1), ("e5", "b", 1)]
    assert {alert.raised_at for alert in siem.alerts.find()} == {later}
    assert raise_alerts(siem, at=later) == 0


def test_a_rule_that_the_user_switched_off_stays_off(
    siem: LocalConnector, make_scores: MakeScores
) -> None:
    siem.rules.apply(RULE)
    siem.rules.set_enabled("r", enabled=False)
    siem.rules.apply(replace(RULE, budget=7.0))
    assert not siem.rules.enabled("r")
    score(siem, make_scores([(0, "a")]))
    assert list(siem.alerts.find()) == []
    later = NOW + timedelta(hours=1)
    siem.rules.set_enabled("r", enabled=True)
    score(siem, make_scores([(50, "a")]), at=later)
    assert groups(siem) == [("e50", "a", 1)]
    with pytest.raises(SiemRefused, match="no alert rule"):
        siem.rules.set_enabled("other", enabled=True)


@pytest.mark.parametrize(("minutes", "raised"), [(9, 1), (11, 0)])
def test_a_rule_that_is_switched_on_looks_at_the_last_ten_minutes(
    siem: LocalConnector, make_scores: MakeScores, minutes: int, raised: int
) -> None:
    siem.rules.apply(RULE)
    siem.rules.set_enabled("r", enabled=False)
    score(siem, make_scores([(0, "a")]))
    siem.rules.set_enabled("r", enabled=True)
    assert raise_alerts(siem, at=NOW + timedelta(minutes=minutes)) == raised


def test_a_folder_needs_no_resources_and_removing_no_rule_is_no_error(siem: LocalConnector) -> None:
    assert siem.resources is None
    siem.rules.remove("r")
    assert siem.rules.current("r") is None


def test_a_new_version_continues_the_cap_of_the_day(
    siem: LocalConnector, make_scores: MakeScores
) -> None:
    siem.rules.apply(RULE)
    score(siem, make_scores([(0, "a"), (60, "a")]))
    siem.rules.apply(replace(RULE, version="v2-bb"))
    score(siem, make_scores([(120, "a")], version="v2-bb"))
    assert groups(siem) == [("e0", "a", 1), ("e60", "a", 2)]


def test_scores_that_no_rule_could_judge_are_refused_one_by_one(
    siem: LocalConnector, make_scores: MakeScores
) -> None:
    good = make_scores([(0, "a")])
    for bad in (make_scores([(1, "a")], score=1.5), make_scores([(2, "a")], score=float("nan"))):
        report = score(siem, bad)
        assert (report.written, len(report.refused)) == (0, 2)
    report = score(siem, make_scores([(3, "a")], stage="dream"))
    assert [item.reason for item in report.refused] == ["stage is unknown"]
    assert score(siem, good).written == 1


def labels(siem: LocalConnector) -> list[tuple[str, str, datetime, bool]]:
    query = LabelQuery(detector="d", entity="host.name", since=START - timedelta(days=1))
    rows = [row for batch in siem.labels.read(query) for row in batch.batch.to_pylist()]
    return [(r["verdict"], r["labeller"], r["label_time"], r["withdrawn"]) for r in rows]


def test_a_reopened_alert_tells_what_was_said_and_that_it_is_withdrawn(
    siem: LocalConnector, make_scores: MakeScores
) -> None:
    siem.rules.apply(RULE)
    score(siem, make_scores([(0, "a")]))
    alert = next(siem.alerts.find()).alert_id
    day, hour = START + timedelta(days=1), timedelta(hours=1)
    siem.alerts.close(alert, Verdict.TRUE_POSITIVE, labeller="ada", at=day)
    assert siem.alerts.reopen(alert, at=day + hour).verdict is None
    assert len(list(siem.alerts.find(AlertQuery(still_open=True)))) == 1
    siem.alerts.close(alert, Verdict.BENIGN_POSITIVE, labeller="ada", at=day)
    assert labels(siem) == [
        ("true_positive", "ada", day, False),
        ("true_positive", "ada", day + hour, True),
        ("benign_positive", "ada", day + hour + timedelta(microseconds=1), False),
    ]


def test_a_clock_that_goes_back_does_not_reorder_verdicts(
    siem: LocalConnector, make_scores: MakeScores
) -> None:
    siem.rules.apply(RULE)
    score(siem, make_scores([(0, "a")]))
    alert = next(siem.alerts.find()).alert_id
    day = START + timedelta(days=1)
    siem.alerts.close(alert, Verdict.TRUE_POSITIVE, labeller="ada", at=day)
    closed = siem.alerts.close(
        alert, Verdict.FALSE_POSITIVE, labeller="bob", at=day - timedelta(hours=2)
    )
    assert closed.closed_at == day + timedelta(microseconds=1)
    siem.alerts.reopen(alert, at=day - timedelta(hours=3))
    assert [(verdict, withdrawn) for verdict, _, _, withdrawn in labels(siem)] == [
        ("true_positive", False), ("false_positive", False),
        ("true_positive", True), ("false_positive", True),
    ]  # fmt: skip


def test_a_verdict_of_a_user_who_is_called_like_us_is_told(
    siem: LocalConnector, make_scores: MakeScores
) -> None:
    siem.rules.apply(RULE)
    score(siem, make_scores([(0, "a")]))
    alert = next(siem.alerts.find()).alert_id
    siem.alerts.close(alert, Verdict.FALSE_POSITIVE, labeller="scoreback", at=START)
    assert labels(siem) == [("false_positive", "scoreback", START, False)]


minutes = st.lists(st.integers(0, 4000), max_size=40)


@given(times=minutes, entities=st.lists(st.integers(-1, 2), min_size=40, max_size=40), at=st.data())
def test_suppression_continues_from_the_alerts_of_earlier_runs(
    times: list[int], entities: list[int], at: st.DataObject
) -> None:
    rule = Suppression(per_entity=2, throttle=timedelta(minutes=30))
    moments = np.array(sorted(times), dtype=np.int64) * 60_000_000
    codes = np.array(entities[: len(times)], dtype=np.int64)
    whole = opened_by(moments, codes, rule)
    cut = at.draw(st.integers(0, len(times)))
    openings = np.flatnonzero(whole[:cut] == np.arange(cut))
    again = opened_by(
        np.concatenate([moments[openings], moments[cut:]]),
        np.concatenate([codes[openings], codes[cut:]]),
        rule,
        already=len(openings),
    )
    positions = np.concatenate([openings, np.arange(cut, len(times))])
    assert positions[again][len(openings) :].tolist() == whole[cut:].tolist()


def test_an_alert_has_the_fields_that_its_score_carries(
    siem: LocalConnector, make_scores: MakeScores
) -> None:
    siem.rules.apply(RULE)
    assert siem.alerts.fields_of(list(siem.alerts.find())) == {}
    plain = make_scores([(0, "a"), (100, "b")])
    batch = plain.batch.append_column("user.name", pa.array(["dana", None]))
    score(siem, ScoreBatch(batch))
    score(siem, make_scores([(2000, "c")]))  # a segment without the field
    alerts = list(siem.alerts.find())
    assert len(alerts) == 3
    assert siem.alerts.fields_of(alerts) == {alerts[0].alert_id: {"user.name": "dana"}}
    assert isinstance(siem.alerts, AlertFields)
