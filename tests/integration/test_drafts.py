"""What `new` drafts from an export trains as it is: validated, and better than its best feature."""

import csv
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from scoreback.connectors.doors import LoadMapping, ScoreQuery
from scoreback.models.detector.draft import Draft
from scoreback.models.detector.file import load_detector
from scoreback.models.detector.spec import Detector
from scoreback.records import TimeWindow
from scoreback.service.app import App, opened
from scoreback.service.deploying.promotion import promote
from scoreback.service.detectors.draft_job import draft_detector
from scoreback.service.scoring.champions import score_live
from scoreback.service.settings import Settings
from scoreback.service.training.train_job import TrainOutcome, train_detector

START, DAYS, ROWS = datetime(2026, 3, 1, tzinfo=UTC), 40, 1200
NOW = START + timedelta(days=DAYS + 200)  # the export is old
Row = dict[str, object]
Draw = np.random.Generator


def times(count: int) -> Iterator[datetime]:
    """Most of the history is quiet: nine tenths of the events are of its last quarter."""
    for n in range(count):
        share = n / count
        yield START + timedelta(
            days=DAYS * (share * 7.5 if share < 0.1 else 0.75 + (share - 0.1) / 3.6)
        )


def alerts(draw: Draw) -> Iterator[Row]:
    """IDS alerts that analysts closed: no single field tells, two together do."""
    for n, moment in enumerate(times(ROWS)):
        rule, size = int(draw.integers(0, 8)), float(draw.exponential(1000))
        bad = draw.random() < (0.55 if rule in (2, 5) and size > 700 else 0.02)
        yield {
            "time": moment.isoformat(), "ticket": f"T-{n:05}", "sensor": "s1",
            "rule": f"r{rule}", "bytes": round(size),
            "dst_port": 22 + 111 * int(draw.integers(0, 5)),
            "ComputerName": f"ws{draw.integers(0, 30)}",
            "Disposition": "Closed - True Positive" if bad else "Closed - Benign Positive",
            "closed_at": (moment + timedelta(hours=float(draw.uniform(1, 30)))).isoformat(),
            "closed by": ("ann", "bo")[n % 2],
        }  # fmt: skip


def domains(draw: Draw) -> Iterator[Row]:
    """Short names that differ, nobody whom alerts are about, and the label under another name."""
    letters = list("abcdefghijklmnopqrstuvwxyz0123456789")
    words = ("mail", "cloud", "shop", "media", "static", "login", "news", "data", "img", "bank")
    for n, moment in enumerate(times(ROWS)):
        bad = draw.random() < 0.15
        first = "".join(draw.choice(letters, 11)) if bad else "-".join(draw.choice(words, 2))
        yield {
            "time": moment.isoformat(), "query": f"{first}{n % 97}.com",
            "ttl": int(draw.integers(1, 9)) * 60,
            "family": "dga" if bad else "none", "batch": f"file{n * 4 // ROWS}",
            "is_bad": int(bad),
        }  # fmt: skip


EXPORTS = [(alerts, "ticket"), (domains, None)]
Export = tuple[Callable[[Draw], Iterator[Row]], str | None]


@pytest.fixture(scope="module", params=EXPORTS, ids=["alerts", "domains"])
def export(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[App, Draft, Detector, TrainOutcome]]:
    made, key = request.param
    folder = tmp_path_factory.mktemp("draft")
    rows = list(made(np.random.default_rng(3)))
    with (folder / "export.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with opened(Settings(home=folder / "home")) as app:
        assert app.connector.exports is not None
        mapping = LoadMapping(time="time", id=key)
        app.connector.exports.load(folder / "export.csv", "s", mapping)
        found = draft_detector(app, "drafted", {"stream": "s"}, NOW)
        (folder / "drafted.yml").write_text(found.text)
        detector = load_detector(folder / "drafted.yml")
        as_of = NOW if key else found.as_of  # both have to do
        assert as_of is not None
        trained = train_detector(app, detector, as_of=as_of, now=NOW)
        yield app, found, detector, trained


def uses(found: Draft) -> dict[str, str]:
    return {choice.field: choice.use for choice in found.choices}


def test_the_draft_trains_and_beats_its_best_feature(
    export: tuple[App, Draft, Detector, TrainOutcome],
) -> None:
    _, found, _, trained = export
    training = trained.training
    own, single = training.evaluation.average_precision, training.baseline.average_precision
    assert own is not None
    assert single is not None
    assert own > single + 0.05
    assert found.complete


def test_an_old_export_is_learnt_from_as_of_today_or_as_of_its_end(
    export: tuple[App, Draft, Detector, TrainOutcome],
) -> None:
    _, found, detector, _ = export
    assert found.as_of is not None
    assert START + timedelta(days=DAYS) < found.as_of < NOW
    assert detector.train.history >= NOW - START


def test_a_draft_scores_what_comes_next_whatever_its_entity_is(
    export: tuple[App, Draft, Detector, TrainOutcome],
) -> None:
    app, _, detector, trained = export
    promote(app, detector, trained.version.version, by="test", at=NOW)
    last = START + timedelta(days=DAYS)
    run = score_live(app, detector, now=last, since=last - timedelta(days=3))
    assert run is not None
    assert run.outcome.scored > 100
    assert run.outcome.error is None
    assert app.connector.scores is not None
    ever = TimeWindow(since=START, until=NOW)
    (mine,) = app.connector.scores.read(ScoreQuery(detector=detector.name, window=ever))
    names = mine.batch["entity"].to_pylist()
    if detector.entity == "event_id":
        assert names == mine.batch["event_id"].to_pylist()
    else:
        assert all(name.startswith("ws") for name in names)


def test_each_field_is_used_for_what_it_is(
    export: tuple[App, Draft, Detector, TrainOutcome],
) -> None:
    _, found, detector, _ = export
    label = detector.labels.field
    assert label is not None
    of = uses(found)
    if label.name == "is_bad":
        assert (label.positive, label.negative, label.time) == (["1"], ["0"], None)
        assert detector.entity == "event_id"
        assert "have no effect" in found.text
        assert (of["family"], of["batch"], of["ttl"]) == ("left out", "left out", "features")
        assert ("ngrams", "query") in {(f.kind, f.field) for f in detector.features}
    else:
        assert label.name == "Disposition"
        assert label.positive == ["Closed - True Positive"]
        assert label.time == "closed_at"
        assert detector.entity == "ComputerName"
        assert (of["ticket"], of["closed by"], of["sensor"]) == ("left out",) * 3
        assert {"rule", "bytes", "dst_port"} <= {f for f, use in of.items() if use == "features"}
