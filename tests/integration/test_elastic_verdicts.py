"""Verdicts in the cluster: those of earlier versions, and alerts that several people change."""

import hashlib
import json
import uuid
from datetime import timedelta

import pyarrow as pa
import pytest

from scoreback.connectors.doors.alerts import AlertQuery
from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.rule_engine.alerts import ATTEMPTS
from scoreback.errors import SiemUnavailable
from scoreback.records import TIME, LabelBatch, LabelQuery, Verdict
from tests.elasticsearch.batches import DAY, START, rule, scores
from tests.elasticsearch.connection import connected, engine
from tests.elasticsearch.direct import fill, make
from tests.elasticsearch.faults import refuses
from tests.elasticsearch.proxy import Proxy

pytestmark = pytest.mark.server

HOUR = timedelta(hours=1)
AT = START + DAY  # when scores are written
TEXTS = ("verdict_id", "alert_id", "event_id", "entity", "verdict", "labeller", "source")
TIMES = ("label_time", "since", "until")
BEFORE = {name: {"type": "keyword"} for name in TEXTS} | {
    name: {"type": "date_nanos"} for name in TIMES
}


def labels(elastic: ElasticConnector, rules: tuple[str, ...] = ()) -> list[tuple[object, ...]]:
    query = LabelQuery(detector="d", entity="h", since=START - HOUR, rules=rules)
    return [
        (row["event_id"], row["labeller"], row["alert_id"], row["rule"], row["withdrawn"])
        for batch in elastic.labels.read(query)
        for row in batch.batch.to_pylist()
    ]


@pytest.fixture
def name() -> str:
    """A detector, and a rule, that no other test has."""
    return f"d{uuid.uuid4().hex[:8]}"


@pytest.fixture
def alert(applied: ElasticConnector, name: str) -> str:
    applied.rules.apply(rule(name))
    applied.scores.write(scores(range(1), of=name, alert=True), at=AT)
    engine(applied).evaluate(since=AT - DAY, at=AT)
    (found,) = applied.alerts.find(AlertQuery(detector=name))
    return found.alert_id


def test_verdicts_of_earlier_versions_are_read_and_not_taken_in_again(
    elasticsearch_url: str,
) -> None:
    with connected(elasticsearch_url, apply=False) as elastic:
        index = f"scoreback-verdicts-{elastic.given.namespace}"
        make(elasticsearch_url, index, BEFORE, dynamic=False)
        imported = {
            "event_id": "e1", "entity": None, "since": None, "until": None,
            "verdict": "true_positive", "label_time": START, "labeller": "ada", "source": "export",
            "propensity": 0.5,
        }  # fmt: skip
        named = sorted({key: str(value) for key, value in imported.items()}.items())
        key = hashlib.sha256(json.dumps(named, separators=(",", ":")).encode()).hexdigest()
        closing = {"verdict": "false_positive", "labeller": "bob", "source": "verdict",
                   "label_time": "2026-03-01T12:00:01.000001Z"}  # fmt: skip
        told = {k: v for k, v in imported.items() if v is not None and k != "propensity"}
        fill(
            elasticsearch_url,
            index,
            [
                {**told, "_id": key, "verdict_id": key, "label_time": "2026-03-01T12:00:00Z"},
                {**closing, "_id": "k", "verdict_id": "k", "alert_id": "a", "event_id": "e2"},
            ],
        )
        old = [("e1", "ada", None, None, False), ("e2", "bob", "a", None, False)]
        assert labels(elastic) == old
        for resource in elastic.resources.wanted():
            elastic.resources.apply(resource)
        columns = {
            name: pa.array([value], TIME if name == "label_time" else None)
            for name, value in imported.items()
            if value is not None
        }
        batch = LabelBatch.of(columns, 1)
        assert elastic.intake.add_verdicts(batch).already_there == 1
        assert labels(elastic) == old


def test_verdicts_of_a_rule_are_told_apart(
    applied: ElasticConnector, alert: str, name: str
) -> None:
    applied.alerts.close(alert, Verdict.TRUE_POSITIVE, labeller="ada", at=START)
    assert labels(applied, (name, "other")) == [("e00000", "ada", alert, name, False)]
    assert labels(applied, ("other",)) == []


@pytest.mark.parametrize("times", [1, ATTEMPTS - 1])
def test_an_alert_that_others_change_meanwhile_is_closed_and_reopened_once(
    times: int,
    elastic: ElasticConnector,
    alert: str,
    name: str,
    elasticsearch_proxy: Proxy,
) -> None:
    for reopened in (False, True):
        elasticsearch_proxy.add(refuses(409), path="_update", times=times)
        if reopened:
            changed = elastic.alerts.reopen(alert, at=START + HOUR)
        else:
            changed = elastic.alerts.close(alert, Verdict.TRUE_POSITIVE, labeller="ada", at=START)
        assert (changed.verdict is None) == reopened
    (left,) = elastic.alerts.find(AlertQuery(detector=name, still_open=True))
    assert (left.labeller, left.closed_at) == (None, None)
    assert [row[4] for row in labels(elastic, (name,))] == [False, True]


def test_an_alert_that_others_keep_changing_is_said(
    elastic: ElasticConnector, alert: str, elasticsearch_proxy: Proxy
) -> None:
    elasticsearch_proxy.add(refuses(409), path="_update", times=ATTEMPTS)
    with pytest.raises(SiemUnavailable, match="is being changed by somebody else"):
        elastic.alerts.reopen(alert, at=START)
