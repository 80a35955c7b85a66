"""A rollback lists and tags exactly what the bad version alone raised; killed, it goes on."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from scoreback.connectors.local.rule_engine.alerts import Alerts
from scoreback.errors import StateError
from scoreback.models.detector.spec import Detector
from scoreback.models.learners.model import Floats
from scoreback.naming import score_ids
from scoreback.records import SCORE_COLUMNS, Alert, LabelQuery, ScoreBatch, Stage, Verdict
from scoreback.service.app import App, opened
from scoreback.service.cli import app as command_line
from scoreback.service.deploying.artifacts import load_artifact
from scoreback.service.deploying.promotion import promote
from scoreback.service.recalling import choosing, taken_back
from scoreback.service.recalling import rollback as recalling
from scoreback.service.recalling.choosing import choose, still_there
from scoreback.service.recalling.judged_again import opinions
from scoreback.service.recalling.rollback import (
    RolledBack,
    roll_back,
    told,
    undo,
    would_roll_back,
)
from scoreback.service.recalling.taken_back import LABELLER, TAG, VERDICT
from scoreback.service.scoring.champions import score_live
from scoreback.service.settings import Settings
from scoreback.service.state import recalls
from scoreback.service.state.label_ledger import LabelLedger
from scoreback.service.state.own_closures import own_closures
from scoreback.service.state.recalls import Recalls
from scoreback.service.state.versions import Versions
from tests.integration.alike import END, FILES, HOUR, TRAINED, detectors_of, stored, text_of
from tests.integration.embedded import champion_of, siem_of
from tests.integration.test_while_scoring import elsewhere, named, of, second_version

SEEDS = 30
NOW = END + HOUR
RAISED = 40  # units that the bad version raises an alert for
PLAIN = named("plain")


@pytest.fixture(scope="module")
def said(alike: Path, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """What the first version of each detector says of each unit, as it scores live."""
    made = tmp_path_factory.mktemp("said") / "home"
    shutil.copytree(alike, made)
    with opened(Settings(home=made)) as app:
        for detector in detectors_of():
            assert score_live(app, detector, now=END) is not None
        return stored(app)


class Case:
    """A workspace where a bad version has raised alerts, and what came of them."""

    def __init__(self, app: App, detector: Detector, said: pa.Table, seed: int) -> None:
        self.app, self.detector, self.seed = app, detector, seed
        self.draw = np.random.default_rng(seed)
        self.good = champion_of(app, detector)
        self.bad = second_version(app, detector)
        promote(app, detector, self.bad, by="ann", at=TRAINED)
        own = said.filter(pa.compute.equal(said["detector"], detector.name))
        units = own.take(np.sort(self.draw.choice(own.num_rows, RAISED, replace=False)))
        self.scores = dict(
            zip(units["event_id"].to_pylist(), units["score"].to_pylist(), strict=True)
        )
        self.write(units, self.bad, Stage.LIVE, np.full(RAISED, 0.99), np.full(RAISED, 0.5))
        # Of some units the good version said something as a shadow; that counts as it was said.
        some = units.take(np.flatnonzero(self.draw.random(RAISED) < 0.3))
        score, threshold = self.draw.random(some.num_rows), self.draw.random(some.num_rows)
        self.write(some, self.good.version, Stage.SHADOW, score, threshold)
        self.shadow = dict(zip(some["event_id"].to_pylist(), score >= threshold, strict=True))
        engine = app.connector.rule_engine
        assert engine is not None
        engine.evaluate(since=TRAINED, at=NOW)
        self.door = siem_of(app).alerts
        for alert in self.alerts():
            if self.draw.random() < 0.25:
                self.door.close(alert.alert_id, Verdict.FALSE_POSITIVE, labeller="bob", at=NOW)
                if self.draw.random() < 0.5:
                    self.door.reopen(alert.alert_id, at=NOW)

    def write(
        self, units: pa.Table, version: str, stage: Stage, score: Floats, threshold: Floats
    ) -> None:
        ids, count = units["event_id"].to_pylist(), units.num_rows
        names = score_ids(self.detector.name, version, stage.value, "siem", ids)
        columns = {
            **{name: units[name] for name in ("event_id", "event_ref", "event_time", "entity")},
            "score_id": pa.array(names),
            "scored_at": pa.array([NOW] * count, SCORE_COLUMNS.field("scored_at").type),
            "detector": pa.array([self.detector.name] * count),
            "version": pa.array([version] * count),
            "stage": pa.array([stage.value] * count),
            "score": pa.array(score),
            "risk": pa.array(np.full(count, 50.0)),
            "threshold": pa.array(threshold),
            "alert": pa.array(np.asarray(score) >= np.asarray(threshold)),
            "reasons": pa.nulls(count, pa.string()),
            "chance": pa.nulls(count, pa.float64()),
        }
        table = pa.table(columns).select(SCORE_COLUMNS.names).cast(SCORE_COLUMNS)
        if count:
            batch = table.combine_chunks().to_batches()[0]
            self.app.connector.scores.write(ScoreBatch(batch), at=NOW)

    def alerts(self) -> list[Alert]:
        return [one for one in self.door.find() if one.detector == self.detector.name]

    def expected(self) -> list[str]:
        """By what was put there, and by what the good version said when it scored live."""
        artifact = load_artifact(self.app, self.detector, self.good)
        least = self.detector.alerts.least_precision
        threshold = max(artifact.manifest.threshold, least)
        return [
            one.alert_id
            for one in self.alerts()
            if not one.touched
            and one.verdict is None
            and not self.shadow.get(one.event_id, self.scores[one.event_id] >= threshold)
        ]

    def tagged(self) -> list[str]:
        return [one.alert_id for one in self.alerts() if TAG in one.tags]

    def state(self) -> list[tuple[object, ...]]:
        return [(one.alert_id, one.tags, one.verdict, one.closed_at) for one in self.alerts()]

    def roll_back(self, *, close: bool = False) -> RolledBack:
        return roll_back(self.app, self.detector, by="ann", at=NOW, close=close)


@contextmanager
def case(alike: Path, folder: Path, said: pa.Table, seed: int) -> Iterator[Case]:
    made = folder / f"home{seed}"
    shutil.copytree(alike, made)
    name = list(FILES)[seed % len(FILES)]
    with opened(Settings(home=made)) as app:
        yield Case(app, named(name), said, seed)


def ids(done: RolledBack) -> list[str]:
    return [one.alert_id for one in done.choice.alerts]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_exactly_the_alerts_of_the_bad_version_alone_are_listed_and_tagged(
    alike: Path, said: pa.Table, tmp_path: Path, seed: int
) -> None:
    with case(alike, tmp_path, said, seed) as one:
        expected, before = one.expected(), one.state()
        planned = would_roll_back(one.app, one.detector)
        assert one.state() == before
        assert champion_of(one.app, one.detector).version == one.bad
        done = one.roll_back()
        assert champion_of(one.app, one.detector) == done.champion
        assert done.champion.version == one.good.version
        assert ids(planned) == ids(done) == expected == one.tagged()
        assert planned.choice.counts == done.choice.counts
        assert (
            sum(done.choice.counts[name] for name in ("touched", "both", "undecided"))
            + len(expected)
            == done.choice.counts["raised"]
        )
        undo(one.app, one.detector, by="ann", at=NOW)
        assert one.state() == before
        assert champion_of(one.app, one.detector).version == one.bad


@pytest.fixture
def one(alike: Path, said: pa.Table, tmp_path: Path) -> Iterator[Case]:
    with case(alike, tmp_path, said, 0) as made:
        assert len(made.expected()) > 5
        yield made


def test_what_is_closed_becomes_no_label_and_is_opened_again_unless_an_analyst_judged_it(
    one: Case,
) -> None:
    expected, before = one.expected(), {row[0]: row for row in one.state()}
    one.roll_back(close=True)
    closed = [a for a in one.alerts() if a.verdict is VERDICT and a.labeller == LABELLER]
    assert [a.alert_id for a in closed] == expected
    name = one.app.connector.name
    assert {own.alert_id for own in own_closures(one.app.state, name)} == set(expected)
    assert one.app.connector.labels is not None
    query = LabelQuery(detector=one.detector.name, entity=one.detector.entity, since=TRAINED)
    ledger = LabelLedger(one.app.state, name)
    ledger.sync(one.app.connector.labels.read, query, as_of=NOW, now=NOW)
    labels = ledger.labels(one.detector.name, since=TRAINED, as_of=NOW)
    assert not set(labels["labeller"].to_pylist()) & {LABELLER}
    judged = expected[0]
    one.door.close(judged, Verdict.TRUE_POSITIVE, labeller="bob", at=NOW + HOUR)
    warned: list[str] = []
    undo(one.app, one.detector, by="ann", at=NOW + 2 * HOUR, warn=warned.append)
    after = {row[0]: row for row in one.state()}
    assert after[judged][2] is Verdict.TRUE_POSITIVE
    assert warned == [f"alert {judged} stays closed: an analyst has judged it since"]
    assert all(after[name] == row for name, row in before.items() if name != judged)
    again = one.roll_back()  # what we ourselves closed and opened again, nobody touched
    assert ids(again) == [name for name in expected if name != judged]


class Killed(BaseException):
    """As a process that ends at once: nothing catches it."""


MOVES: list[tuple[Any, str]] = [
    (Recalls, "list"), (Recalls, "note"), (Recalls, "reach"), (Alerts, "tag"), (Alerts, "close"),
    (taken_back, "_remember"), (Versions, "rollback"), (recalling, "choose"),
    (Alerts, "untag"), (Alerts, "reopen"), (Versions, "undo_rollback"),
]  # fmt: skip

ONCE = ("list", "rollback", "choose", "undo_rollback")


def dying(real: Callable[..., Any], when: str, call: int) -> Callable[..., Any]:
    count = 0

    def move(*given: object, **named: object) -> object:
        nonlocal count
        count += 1
        if (count, when) == (call, "before"):
            raise Killed
        found = real(*given, **named)
        if (count, when) == (call, "after"):
            raise Killed
        return found

    return move


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("place", range(len(MOVES)))
def test_killed_anywhere_the_next_call_goes_on_and_nothing_is_done_twice(
    one: Case, monkeypatch: pytest.MonkeyPatch, place: int, when: str
) -> None:
    monkeypatch.setattr(taken_back, "AT_ONCE", 3)
    known = opinions(one.app, one.detector, one.good, one.alerts())
    monkeypatch.setattr(choosing, "opinions", lambda *_: known)  # reading again proves nothing here
    expected, before = one.expected(), one.state()
    where, name = MOVES[place]
    for call in (1,) if name in ONCE else (1, 3):
        with monkeypatch.context() as patch:
            patch.setattr(where, name, dying(getattr(where, name), when, call))
            try:
                done = one.roll_back(close=True)
            except Killed:
                patch.undo()
                done = one.roll_back(close=True)
            assert ids(done) == expected == one.tagged()
            assert [a.alert_id for a in one.alerts() if a.labeller == LABELLER] == expected
            assert champion_of(one.app, one.detector).version == one.good.version
        assert [a.labeller for a in one.alerts() if a.verdict is VERDICT] == [LABELLER] * len(
            expected
        )
        with monkeypatch.context() as patch:
            patch.setattr(where, name, dying(getattr(where, name), when, call))
            try:
                undo(one.app, one.detector, by="ann", at=NOW)
            except Killed:
                patch.undo()
                recall = Recalls(one.app.state).latest("plain")
                if recall is not None and recall.stage != recalls.UNDONE:
                    undo(one.app, one.detector, by="ann", at=NOW)
        assert one.state() == before
        assert champion_of(one.app, one.detector).version == one.bad


def test_an_alert_that_an_analyst_touches_in_between_stays_theirs(
    one: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = one.expected()
    real = still_there
    calls = 0

    def quicker(*given: object) -> dict[str, Alert]:
        nonlocal calls
        calls += 1
        which = expected[calls - 1]  # one before the tagging, one before the closing
        one.door.close(which, Verdict.TRUE_POSITIVE, labeller="bob", at=NOW)
        return real(*given)  # type: ignore[arg-type]  # as it is called

    monkeypatch.setattr(taken_back, "still_there", quicker)
    done = one.roll_back(close=True)
    kept = [alert.alert_id for alert in done.choice.alerts if alert.kept]
    assert kept == expected[:2]
    verdicts = {a.alert_id: a.verdict for a in one.alerts()}
    assert [verdicts[name] for name in kept] == [Verdict.TRUE_POSITIVE] * 2
    assert one.tagged() == expected[1:]


def test_a_run_that_goes_on_scores_by_the_earlier_version_within_its_next_step(
    home: Path, small_steps: None
) -> None:
    del small_steps
    with opened(Settings(home=home)) as app:
        good, bad = champion_of(app, PLAIN).version, second_version(app, PLAIN)
        promote(app, PLAIN, bad, by="ann", at=TRAINED)
        read = 0

        def in_the_middle(rows: int) -> None:
            nonlocal read
            was, read = read, read + rows
            if was < 600 <= read:
                elsewhere(home, lambda other: roll_back(other, PLAIN, by="ann", at=END) and None)

        assert score_live(app, PLAIN, now=END, progress=in_the_middle) is not None
        found = of(stored(app), "plain")
        counts = {
            row["values"]: row["counts"] for row in found["version"].value_counts().to_pylist()
        }
        assert set(counts) == {good, bad}
        rule = siem_of(app).rules.current("plain")
        assert rule is not None
        assert rule.version == good


def test_an_undo_without_a_rollback_or_after_another_promotion_is_refused(one: Case) -> None:
    with pytest.raises(StateError, match="can be undone"):
        undo(one.app, one.detector, by="ann", at=NOW)
    one.roll_back()
    undo(one.app, one.detector, by="ann", at=NOW)
    with pytest.raises(StateError, match=f"the rollback of {one.bad} is already undone"):
        undo(one.app, one.detector, by="ann", at=NOW)
    one.roll_back()
    promote(one.app, one.detector, one.bad, by="ann", at=NOW)
    with pytest.raises(StateError, match="cannot be undone"):
        undo(one.app, one.detector, by="ann", at=NOW)


def test_alerts_of_an_earlier_time_of_the_bad_version_are_not_its_latest(one: Case) -> None:
    expected = one.expected()
    assert expected
    one.roll_back()
    promote(one.app, one.detector, one.bad, by="ann", at=NOW + HOUR)
    done = one.roll_back()
    assert (ids(done), done.choice.counts["raised"]) == ([], 0)


def test_events_that_are_gone_leave_their_alerts_undecided(
    one: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scoreback.service.recalling import judged_again

    empty = pa.table({"event_id": pa.array([], pa.string())})
    monkeypatch.setattr(judged_again, "_rows", lambda *_: empty)
    done = would_roll_back(one.app, one.detector)
    assert done.choice.counts["undecided"] > 0
    assert set(ids(done)) <= set(one.expected())


def test_the_command_says_what_it_did(one: Case, tmp_path: Path) -> None:
    file = tmp_path / "detector.yml"
    file.write_text(text_of(one.detector.name))
    home = one.app.settings.home
    runner = CliRunner()

    def run(*words: str) -> str:
        result = runner.invoke(command_line, ["rollback", str(file), *words, "--home", str(home)])
        assert result.exit_code == 0, result.output
        return result.stdout

    planned = json.loads(run("--dry-run", "--json"))
    assert [a["alert_id"] for a in planned["alerts"]] == one.expected()
    assert "would be tagged" in run("--dry-run")
    assert f"scores again, in place of {one.bad}" in run("--close")
    done = json.loads(run("--undo", "--json"))
    assert (done["version"], done["act"]) == (one.bad, "undo")
    assert not one.tagged()
    result = runner.invoke(command_line, ["rollback", str(file), "--undo", "--close"])
    assert result.exit_code != 0


def test_a_rollback_that_nobody_was_told_of_is_told_before_another_leads_further_back(
    one: Case,
) -> None:
    done = one.roll_back(close=True)
    assert not done.was_done
    state, planned = one.state(), would_roll_back(one.app, one.detector)
    again = one.roll_back()  # killed before it could say so, it is asked for again
    assert (planned.was_done, again.was_done, again.went_on) == (True, True, True)
    assert (again.champion, again.bad, ids(again)) == (done.champion, done.bad, ids(done))
    assert one.state() == state
    told(one.app, one.detector)
    with pytest.raises(StateError, match="no earlier champion"):
        one.roll_back()
    undo(one.app, one.detector, by="ann", at=NOW)
    assert champion_of(one.app, one.detector).version == one.bad


def test_the_command_says_what_a_rollback_did_that_could_not_say_it(
    one: Case, tmp_path: Path
) -> None:
    file = tmp_path / "detector.yml"
    file.write_text(text_of(one.detector.name))
    command = ["rollback", str(file), "--home", str(one.app.settings.home)]
    one.roll_back()
    said = CliRunner().invoke(command_line, command)
    assert said.exit_code == 0, said.output
    assert "This rollback was already done" in said.stdout
    assert champion_of(one.app, one.detector).version == one.good.version
    said = CliRunner().invoke(command_line, command)
    assert isinstance(said.exception, StateError)
    assert "no earlier champion" in said.exception.message


def test_a_rollback_that_broke_off_before_another_promotion_is_not_gone_on_with(
    one: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(recalling, "choose", dying(choose, "before", 1))
        with pytest.raises(Killed):
            one.roll_back()
    promote(one.app, one.detector, one.bad, by="ann", at=NOW + HOUR)
    done = one.roll_back()
    assert not done.went_on
    assert done.bad == one.bad
