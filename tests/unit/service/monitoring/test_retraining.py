"""What has a detector trained between the times of its schedule, and what keeps it waiting."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pyarrow as pa
import pytest

from scoreback.errors import ConfigError
from scoreback.health import HealthDocument, Kind
from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import Detector
from scoreback.records import LABEL_COLUMNS, LabelBatch, LabelQuery, ModelVersion
from scoreback.service.app import App
from scoreback.service.monitoring.retraining import Due, cut_off, due_by, reasons_of
from scoreback.service.monitoring.subject import Subject
from scoreback.service.state.label_ledger import LabelLedger
from scoreback.service.state.runs import RunEnd, end_run, runs, start_run
from scoreback.service.state.versions import Versions
from scoreback.service.state.workspace_state import State

T = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FILE = """
name: d
events: {local: {stream: alerts}}
entity: host.name
labels: {verdicts: {join: event}, mature_after: 2d}
features: [category: rule.id]
alerts: {budget: 10/day}
train: {when: WHEN}
"""
MOVED = {"psi": 0.31, "usual_psi": 0.05}


def detector(when: str = "{drift: 0.25}") -> Detector:
    return parse_detector(FILE.replace("WHEN", when))


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with State.open(tmp_path) as state:
        connector = SimpleNamespace(name="local")
        yield cast("App", SimpleNamespace(state=state, connector=connector))


def version(app: App, name: str = "11111111", as_of: datetime = T - 9 * DAY) -> ModelVersion:
    return Versions(app.state).register(
        detector="d", artifact_hash=name * 8, algorithm="xgboost", trained_as_of=as_of,
        created_at=as_of, row_hash="rows", metrics={},
    )  # fmt: skip


def subject(app: App, when: str = "{drift: 0.25}", now: datetime = T) -> Subject:
    champion = Versions(app.state).champion("d")
    if champion is None:
        made = version(app)
        champion = Versions(app.state).promote("d", made.version, by="test", at=T - 9 * DAY)
    return Subject(app=app, detector=detector(when), champion=champion, now=now)


def due(app: App, *, now: datetime = T, alone: bool = False) -> Due | None:
    about = subject(app, now=now)
    return due_by(about, [about.document(Kind.SCORES, MOVED)], alone=alone)


def train(app: App, at: datetime, status: RunEnd | None, refused: bool = False) -> None:
    """A run of training; without *status* its process was killed, or still trains."""
    run = start_run(app.state, "d", "train", at)
    if status is not None:
        end_run(app.state, run, status, at, counts={"refused": 1} if refused else {})


@pytest.mark.parametrize(
    ("when", "scores", "precision", "verdicts", "said"),
    [
        ("{drift: 0.25}", {"psi": 0.31}, {}, 0, ["score drift 0.31 > 0.25"]),
        ("{drift: 0.25}", {"psi": 0.25}, {}, 0, []),
        ("{drift: 0.25}", {"psi": 0.31, "usual_psi": 0.21}, {}, 0, []),  # no more than usual
        ("{drift: 0.25}", {}, {}, 0, []),
        (
            "{precision_drop: 0.1}",
            {},
            {"promised": 0.6, "realised": 0.3, "realised_high": 0.45, "labelled": 40},
            0,
            ["precision 0.30, at most 0.45, is over 0.1 below the promised 0.60"],
        ),
        (
            "{precision_drop: 0.1}",
            {},
            {"promised": 0.6, "realised": 0.4, "realised_high": 0.52, "labelled": 40},
            0,
            [],
        ),
        (
            "{precision_drop: 0.1}",
            {},
            {"promised": 0.6, "realised": 0.0, "realised_high": 0.3, "labelled": 6},
            0,
            [],
        ),
        ("{precision_drop: 0.1}", {}, {"promised": 0.6}, 0, []),
        ("{verdicts: 200}", {}, {}, 200, ["200 new verdicts >= 200"]),
        ("{verdicts: 200}", {}, {}, 199, []),
        (
            "{drift: 0.25, verdicts: 200}",
            {"psi": 0.4},
            {},
            250,
            ["score drift 0.40 > 0.25", "250 new verdicts >= 200"],
        ),
    ],
)
def test_each_trigger_holds_beyond_its_value_and_says_its_numbers(
    when: str,
    scores: dict[str, float],
    precision: dict[str, float],
    verdicts: int,
    said: list[str],
) -> None:
    of = detector(when).train.when
    assert of is not None
    assert reasons_of(of, scores, precision, verdicts) == said


def test_without_a_reason_or_without_the_key_nothing_is_due(app: App) -> None:
    about = subject(app)
    assert due_by(about, [about.document(Kind.SCORES, {"psi": 0.1})]) is None
    plain = parse_detector(FILE.replace("train: {when: WHEN}", ""))
    other = Subject(app=app, detector=plain, champion=about.champion, now=T)
    assert due_by(other, [about.document(Kind.SCORES, MOVED)]) is None


def test_a_training_is_due_at_once_where_none_was_lately(app: App) -> None:
    train(app, T - 3 * DAY, "done")
    found = due(app)
    assert found is not None
    assert str(found) == found.because == "score drift 0.31 > 0.25"


@pytest.mark.parametrize(
    ("status", "refused", "floor", "came"),
    [
        ("done", False, 3 * DAY, ""),
        ("failed", True, 3 * DAY, ", which was refused"),
        ("failed", False, DAY, ", which failed"),
    ],
)
def test_after_any_training_the_floor_holds_and_says_until_when(
    app: App, status: RunEnd, refused: bool, floor: timedelta, came: str
) -> None:
    began = T - HOUR
    train(app, began, status, refused)
    found = due(app)
    assert found is not None
    days = f"{floor // DAY}d"
    until = f"{began + floor:%Y-%m-%d %H:%M}"
    assert found.waits == f"not before {until} UTC, {days} after the last training{came}"
    assert str(found) == f"score drift 0.31 > 0.25; {found.waits}"
    almost = due(app, now=began + floor - timedelta(seconds=1))
    assert almost is not None
    assert almost.waits
    after = due(app, now=began + floor)
    assert after is not None
    assert not after.waits


def test_a_training_that_was_stopped_or_killed_is_begun_again_as_of_the_same_moment(
    app: App,
) -> None:
    train(app, T - 5 * DAY, "done")
    began = T - HOUR
    train(app, began, None)
    waiting = due(app)
    assert waiting is not None
    assert waiting.waits == "a training is in progress"  # as far as somebody can know who looks on
    mine = due(app, alone=True)
    assert mine is not None
    assert not mine.waits
    assert cut_off(app, "d", T) == began
    assert cut_off(app, "d", began + 2 * DAY) is None  # what came since is worth more
    train(app, T, "stopped")
    assert cut_off(app, "d", T) == T
    again = due(app, alone=True)
    assert again is not None
    assert not again.waits
    train(app, T, "done")
    assert cut_off(app, "d", T) is None


def test_a_training_that_was_killed_twice_in_a_row_waits_as_it_may_be_what_kills(app: App) -> None:
    train(app, T - 2 * HOUR, None)
    train(app, T - HOUR, None)
    assert [run.status for run in runs(app.state, "d", kind="train")] == ["running", "lost"]
    found = due(app, alone=True)
    assert found is not None
    assert found.waits.startswith("not before")


def test_a_shadow_that_is_compared_is_not_crowded_out_by_the_next(app: App) -> None:
    subject(app)
    second = version(app, "22222222")
    Versions(app.state).shadow("d", second.version, by="test", at=T)
    found = due(app)
    assert found is not None
    assert found.waits == f"waits until the gate has decided on {second.version}"
    Versions(app.state).retire("d", second.version, by="test", at=T, reason="no better")
    after = due(app)
    assert after is not None
    assert not after.waits


def labels(first: int, count: int, told: datetime, labeller: str = "kim") -> LabelBatch:
    rows = [
        {
            "event_id": f"e{n}", "entity": None, "since": None, "until": None,
            "verdict": "true_positive", "label_time": told, "labeller": f"{labeller}{n}",
            "source": "local", "propensity": None, "alert_id": f"a{n}", "rule": "d",
            "withdrawn": False,
        }
        for n in range(first, first + count)
    ]  # fmt: skip
    return LabelBatch(pa.Table.from_pylist(rows, schema=LABEL_COLUMNS).to_batches()[0])


def harvested(app: App, batches: list[LabelBatch], now: datetime) -> None:
    query = LabelQuery(detector="d", entity="host.name", since=T - 60 * DAY, window=None)
    LabelLedger(app.state, "local").sync(lambda _: iter(batches), query, as_of=now, now=now)


def verdicts_due(app: App, wanted: int, now: datetime = T) -> bool:
    return due_by(subject(app, f"{{verdicts: {wanted}}}", now), []) is not None


def test_verdicts_count_that_the_last_training_could_not_learn_from(app: App) -> None:
    known, new, young = T - 12 * DAY, T - 10 * DAY, T - DAY  # it was as of nine days ago
    batches = [labels(0, 5, known), labels(5, 7, new), labels(12, 30, young)]
    harvested(app, batches, T - 9 * DAY - HOUR)
    assert verdicts_due(app, 7)
    assert not verdicts_due(app, 8)
    assert verdicts_due(app, 37, now=T + 2 * DAY)  # then the young ones are old enough
    late = labels(42, 3, known)
    harvested(app, [late], T)  # told after that training, of an older time
    assert verdicts_due(app, 10)
    assert not verdicts_due(app, 11)


def test_a_refused_training_has_seen_the_verdicts_too(app: App) -> None:
    harvested(app, [labels(0, 9, T - 10 * DAY)], T - 10 * DAY)
    assert verdicts_due(app, 9)
    train(app, T - 4 * DAY, "failed", refused=True)
    assert not verdicts_due(app, 1)


def test_a_flood_in_quarantine_triggers_nothing(app: App) -> None:
    flood = labels(0, 150, T - 5 * DAY)
    table = pa.Table.from_batches([flood.batch])
    column = pa.array(["kim"] * 150)
    one_person = table.set_column(table.schema.get_field_index("labeller"), "labeller", column)
    harvested(app, [LabelBatch(one_person.to_batches()[0])], T - 5 * DAY)
    assert not verdicts_due(app, 1)


@pytest.mark.parametrize(
    ("when", "said", "hint"),
    [
        ("{}", "names nothing that triggers a training", "add drift: 0.25"),
        ("{drfit: 0.25}", "train.when.drfit: unknown key", "did you mean 'drift'?"),
        ("{drift: 25%}", "train.when.drift: '25%' is not a number", "write for example 0.25"),
        ("{drift: 0.02}", "0.02 is not within 0.1..100", "write at least 0.1"),
        ("{precision_drop: 2}", "2 is not within 0..1", "write at most 1"),
        ("{verdicts: some}", "expected a whole number", "write for example verdicts: 200"),
        ("{drift: 0.25, at_most_every: 1h}", "1h is too short", "write at least 1d"),
    ],
)
def test_a_trigger_that_means_nothing_is_refused_with_its_line_and_the_remedy(
    when: str, said: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        detector(when)
    assert "detector:8" in refused.value.message
    assert said in refused.value.message
    assert hint in refused.value.hint


def test_verdicts_are_no_trigger_where_none_are_learnt_from() -> None:
    text = FILE.replace("verdicts: {join: event}", "field: {name: label, positive: [attack]}")
    with pytest.raises(ConfigError, match="does not learn from verdicts"):
        parse_detector(text.replace("WHEN", "{verdicts: 200}"))


def test_health_says_why_the_version_was_trained() -> None:
    figures = {"trained_because": "score drift 0.31 > 0.25", "retrain_due": "5 new verdicts >= 5"}
    document = HealthDocument(detector="d", at=T, kind=Kind.VERSION, figures=figures)
    assert document.figures == figures
