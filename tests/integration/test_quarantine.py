"""Doubted verdicts are left out until somebody accepts them; golden attacks hold every version."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from typer.testing import CliRunner

from scoreback.errors import ConfigError, DataError, StateError, TrainingRefused
from scoreback.models.artifact.scoring import Scorer
from scoreback.models.detector.file import load_detector, parse_detector
from scoreback.models.detector.spec import Detector
from scoreback.records import LABEL_COLUMNS, UNKNOWN_LABELLER, LabelBatch
from scoreback.service.app import App, opened
from scoreback.service.cli import app as command_line
from scoreback.service.deploying.artifacts import load_artifact
from scoreback.service.detectors.check_job import check_detector
from scoreback.service.in_force.change import change
from scoreback.service.in_force.detector import in_force
from scoreback.service.labels.harvest import harvest
from scoreback.service.labels.quarantine import decide_on, in_quarantine
from scoreback.service.monitoring.monitor import health_of
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds.harvesting import HARVEST
from scoreback.service.settings import Settings
from scoreback.service.state.audit import audit_log
from scoreback.service.state.versions import Versions
from scoreback.service.training.golden_gate import golden_rows, refuse_blind
from scoreback.service.training.train_job import read_training_data, train_detector
from tests.integration.alike import DAY, END, HOUR, START, events, text_of
from tests.integration.embedded import champion_of, siem_of

FLOOD = 500
NOW = END + DAY
SECOND = timedelta(seconds=1)
HONEST = ("ann", "bob", "cid")
FIELD = "{field: {name: outcome, positive: bad, negative: good, delay: 2h}, mature_after: 1d}"
TEXT = text_of("plain").replace(FIELD, "{verdicts: {join: event}, mature_after: 1d}")
LEARNS = parse_detector(TEXT)


@pytest.fixture
def app(home: Path) -> Iterator[App]:
    with opened(Settings(home=home)) as app:
        yield app


@pytest.fixture
def flooded(app: App) -> App:
    """Three people's verdicts of two weeks, then five hundred false closes by one of another."""
    batch = events().batch
    ids, outcomes = (batch.column(name).to_pylist() for name in ("event_id", "outcome"))
    times = batch.column("event_time").to_pylist()
    rows = []
    for n in range(0, 600, 2):
        bad = outcomes[n] == "bad"
        verdict = "true_positive" if bad else "false_positive"
        rows.append(row(ids[n], times[n] + HOUR, HONEST[n % 3], verdict))
    for n in range(FLOOD):
        at = END - DAY + n * timedelta(seconds=2)
        rows.append(row(ids[1000 + n], at, "eve", "false_positive"))
    rows.sort(key=lambda one: one["label_time"])  # type: ignore[arg-type, return-value]  # times
    table = pa.Table.from_pylist(rows, schema=LABEL_COLUMNS).combine_chunks()
    siem_of(app).intake.add_verdicts(LabelBatch(table.to_batches()[0]))
    return app


def row(event: str, at: object, who: str, verdict: str) -> dict[str, object]:
    return {
        "event_id": event, "label_time": at, "labeller": who, "verdict": verdict,
        "source": "verdict", "alert_id": f"a-{event}", "withdrawn": False,
    }  # fmt: skip


def learnt(app: App, as_of: object = NOW, detector: Detector = LEARNS) -> dict[str, int]:
    """How many labels training as of then takes, by who gave them."""
    labels = read_training_data(app, detector, as_of, now=NOW).labels  # type: ignore[arg-type]
    counts = labels["labeller"].value_counts().to_pylist()
    return {one["values"]: one["counts"] for one in counts}


def test_settings_say_what_a_flood_is_and_the_service_goes_by_that(flooded: App) -> None:
    change(flooded, LEARNS, "labels.flood", "900", author="dana", reason="a sweep", at=NOW)
    assert learnt(flooded, detector=in_force(flooded.state, LEARNS).detector)["eve"] == FLOOD
    assert in_quarantine(flooded, LEARNS, NOW) == []
    found = harvest(flooded, LEARNS, now=NOW)
    assert found is not None
    assert found[1] == []


def test_a_bulk_of_500_false_closes_is_left_out_until_somebody_accepts_it(flooded: App) -> None:
    assert learnt(flooded) == dict.fromkeys(HONEST, 100)
    (held,) = in_quarantine(flooded, LEARNS, NOW)
    assert (held.case.kind, held.case.labeller, held.left_out) == ("flood", "eve", FLOOD)
    assert held.waits
    case = held.case.case_id
    at = NOW + HOUR
    decide_on(flooded, LEARNS, case[:5], "accepted", by="dana", reason="a scan", at=at)
    assert learnt(flooded, NOW + 2 * HOUR) == {**dict.fromkeys(HONEST, 100), "eve": FLOOD}
    assert learnt(flooded, NOW) == dict.fromkeys(HONEST, 100)  # as of then, nobody had accepted it
    entry = audit_log(flooded.state, LEARNS.name, 1)[0]
    assert (entry.actor, entry.action) == ("dana", "quarantine accepted")
    again = decide_on(flooded, LEARNS, case, "accepted", by="eli", reason="", at=NOW + 2 * HOUR)
    assert (again.decision is not None and again.decision.actor, again.left_out) == ("dana", 0)
    assert audit_log(flooded.state, LEARNS.name, 1)[0] == entry
    decide_on(flooded, LEARNS, case, "rejected", by="dana", reason="", at=NOW + 3 * HOUR)
    assert "eve" not in learnt(flooded, NOW + 4 * HOUR)
    assert not in_quarantine(flooded, LEARNS, NOW + 4 * HOUR)[0].waits


def test_as_of_a_day_before_the_flood_nothing_is_doubted(flooded: App) -> None:
    assert sum(learnt(flooded, START + 5 * DAY).values()) > 0
    assert in_quarantine(flooded, LEARNS, START + 5 * DAY) == []


def test_a_higher_flood_lets_a_busy_person_be(flooded: App) -> None:
    busy = parse_detector(TEXT.replace("{verdicts:", "{flood: 500, verdicts:"))
    assert learnt(flooded, detector=busy)["eve"] == FLOOD


def test_one_who_contradicts_near_duplicates_is_left_out_and_shown(app: App) -> None:
    batch = events().batch
    ids = batch.column("event_id").to_pylist()
    one_feature = parse_detector(
        TEXT.replace(
            "features: [number: network.bytes, number: event.peak, category: rule.id]",
            "features: [category: rule.id]",
        )
    )
    same = [n for n, rule in enumerate(batch.column("rule.id").to_pylist()) if rule == "r1"][:12]
    people = ["ann", "bob", "cid"] * 3 + ["eve"] * 3
    says = dict.fromkeys(people, "true_positive") | {"eve": "false_positive"}
    rows = [
        row(ids[n], START + 10 * DAY + k * HOUR, who, says[who])
        for k, (n, who) in enumerate(zip(same, people, strict=True))
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=LABEL_COLUMNS).combine_chunks()
    siem_of(app).intake.add_verdicts(LabelBatch(table.to_batches()[0]))
    data = read_training_data(app, one_feature, NOW, now=NOW)
    assert set(data.labels["labeller"].to_pylist()) == set(HONEST)
    (held,) = data.held
    assert (held.case.kind, held.case.labeller, held.left_out) == ("contradiction", "eve", 3)


def test_the_harvest_fills_the_ledger_and_warns_of_a_flood(flooded: App) -> None:
    warned: list[str] = []
    work = SimpleNamespace(
        app=flooded, now=NOW, warn=lambda _about, _names, text: warned.append(text),
        clear=lambda *_: None,
    )  # fmt: skip
    served = [Served(path=Path("plain.yml"), detector=LEARNS)]
    assert HARVEST.run(work, served) == {"plain": None}  # type: ignore[arg-type]  # what it reads
    assert len(warned) == 1
    assert "500 verdicts of eve are in quarantine" in warned[0]
    again = harvest(flooded, LEARNS, now=NOW)
    assert again is not None
    assert (again[0].labels, again[0].new) == (800, 0)
    assert HARVEST.line(LEARNS) == "45 * * * *"
    assert HARVEST.line(parse_detector(text_of("plain"))) is None


def test_check_and_health_count_what_is_in_quarantine(flooded: App) -> None:
    harvest(flooded, LEARNS, now=NOW)
    assert any("500 verdicts of eve" in one.what for one in check_detector(flooded, LEARNS, NOW))
    figures = health_of(flooded, LEARNS, now=NOW)[0].figures
    assert figures["state"] != "ok"
    assert "500 verdicts of eve" in str(figures["why"])


def test_the_commands_list_and_decide(flooded: App, tmp_path: Path) -> None:
    harvest(flooded, LEARNS, now=NOW)
    file, home = tmp_path / "plain.yml", str(flooded.settings.home)
    file.write_text(TEXT)

    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(command_line, ["quarantine", *words, "--home", home])
        return result.exit_code, result.stdout

    code, said = run("list", str(file), "--json")
    (case,) = json.loads(said)
    assert (code, case["labels"], case["waits"]) == (3, FLOOD, True)
    assert case["first"].endswith("Z")
    assert run("list", str(file))[0] == 3
    code, said = run("accept", str(file), case["case_id"][:6], "--by", "dana")
    assert (code, "500 verdicts of eve: accepted" in said) == (0, True)
    assert run("list", str(file))[0] == 0
    assert "rejected" in run("reject", str(file), case["case_id"])[1]
    with pytest.raises(StateError, match="0 cases"):
        decide_on(flooded, LEARNS, "nope", "accepted", by="dana", reason="", at=NOW)


def test_a_flood_of_nobody_knows_whom_waits_and_is_told_as_such(app: App, tmp_path: Path) -> None:
    ids = events().batch.column("event_id").to_pylist()
    rows = [row(ids[n], END - DAY + n * SECOND, UNKNOWN_LABELLER, "false_positive")
            for n in range(130)]  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=LABEL_COLUMNS).combine_chunks()
    siem_of(app).intake.add_verdicts(LabelBatch(table.to_batches()[0]))
    harvest(app, LEARNS, now=NOW)
    told = [one.what for one in check_detector(app, LEARNS, NOW)]
    assert any("130 verdicts of people whom the SIEM does not name" in what for what in told)
    file, home = tmp_path / "plain.yml", str(app.settings.home)
    file.write_text(TEXT)
    result = CliRunner().invoke(
        command_line, ["quarantine", "list", str(file), "--home", home], env={"COLUMNS": "80"}
    )
    assert result.exit_code == 3
    assert "several people may count as one" in " ".join(result.stdout.split())


def golden_file(folder: Path, *lines: str) -> Detector:
    (folder / "golden.csv").write_text("\n".join(("event_id,time,name", *lines)) + "\n")
    file = folder / "plain.yml"
    file.write_text(text_of("plain").replace("labels: {", "labels: {golden: golden.csv, "))
    return load_detector(file)


def by_score(app: App) -> tuple[dict[str, object], dict[str, object]]:
    """An event that the champion alerts on, and one that it does not: id and time."""
    batch = events().batch
    data = read_training_data(app, parse_detector(text_of("plain")), END, now=END)
    plain = parse_detector(text_of("plain"))
    artifact = load_artifact(app, plain, champion_of(app, plain))
    scores = Scorer(artifact).score(data.rows).scores
    ids = data.rows["event_id"].to_pylist()
    known = dict(zip(batch.column("event_id").to_pylist(),
                     batch.column("event_time").to_pylist(), strict=True))  # fmt: skip
    high, low = ids[int(scores.argmax())], ids[int(scores.argmin())]
    return {"id": high, "time": known[high]}, {"id": low, "time": known[low]}


def test_a_candidate_that_misses_a_golden_attack_is_refused_with_its_name(
    app: App, tmp_path: Path
) -> None:
    high, low = by_score(app)
    caught = f"{high['id']},{high['time']},loud"
    detector = golden_file(tmp_path, caught, f"{low['id']},{low['time']},the quiet one")
    artifact = load_artifact(app, detector, champion_of(app, detector))
    golden = golden_rows(
        app, detector, pa.table({}), as_of=END
    )  # none of them was read for training
    assert [one.name for one in golden.attacks] == ["loud", "the quiet one"]
    with pytest.raises(TrainingRefused, match=r"1 of 2 golden attacks.*: the quiet one \(0"):
        refuse_blind(detector, artifact, golden)
    before = Versions(app.state).list("plain")
    with pytest.raises(TrainingRefused, match="the quiet one"):
        train_detector(app, detector, as_of=END, now=END)
    assert Versions(app.state).list("plain") == before
    fine = golden_file(tmp_path, caught)
    refuse_blind(fine, artifact, golden_rows(app, fine, pa.table({}), as_of=END))


def test_a_golden_attack_that_is_missed_by_a_hair_is_told_from_the_threshold(
    app: App, tmp_path: Path
) -> None:
    _, low = by_score(app)
    detector = golden_file(tmp_path, f"{low['id']},{low['time']},the quiet one")
    artifact = load_artifact(app, detector, champion_of(app, detector))
    golden = golden_rows(app, detector, pa.table({}), as_of=END)
    score = float(Scorer(artifact).score(golden.rows[0]).scores[0])
    hair = artifact.manifest.model_copy(update={"threshold": score + 0.00002})
    spared = detector.alerts.model_copy(update={"least_precision": 0.0})
    with pytest.raises(TrainingRefused) as refused:
        refuse_blind(
            detector.model_copy(update={"alerts": spared}), replace(artifact, manifest=hair), golden
        )
    told = re.search(r"threshold of ([0-9.]+): the quiet one \(([0-9.]+)\)", str(refused.value))
    assert told is not None
    assert float(told[1]) > float(told[2])


def test_a_golden_file_that_names_events_that_do_not_exist_is_told(
    app: App, tmp_path: Path
) -> None:
    high, _ = by_score(app)
    detector = golden_file(
        tmp_path, f"{high['id']},{high['time']},", f"nowhere,{high['time']},the lost one"
    )
    golden = golden_rows(app, detector, pa.table({}), as_of=END)
    assert ([one.name for one in golden.attacks], [one.name for one in golden.missing]) == (
        [high["id"]],
        ["the lost one"],
    )
    (finding,) = (one for one in check_detector(app, detector, NOW) if "golden attacks" in one.what)
    assert "the lost one" in finding.what
    assert not finding.fatal
    outcome = train_detector(app, detector, as_of=END, now=END)
    assert outcome.doubts == [
        "golden attacks name events that the SIEM does not have: the lost one"
    ]
    assert outcome.account["golden"]["not_found"] == ["the lost one"]


def test_a_golden_attack_of_a_detector_of_groups_is_its_unit(app: App, tmp_path: Path) -> None:
    batch = events().batch
    place = 2500
    name, time = batch.column("event_id")[place].as_py(), batch.column("event_time")[place].as_py()
    (tmp_path / "golden.csv").write_text(f"event_id,time\n{name},{time.isoformat()}\n")
    file = tmp_path / "grouped.yml"
    file.write_text(text_of("grouped").replace("labels: {", "labels: {golden: golden.csv, "))
    detector = load_detector(file)
    golden = golden_rows(app, detector, pa.table({}), as_of=END)
    (rows,) = golden.rows
    assert rows["event_id"][0].as_py() != name
    assert pc.greater_equal(rows["event_time"][0], pa.scalar(time)).as_py()


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("event_id,name\na,b\n", DataError, "no column 'time'"),
        ("event_id,time\na,later\n", DataError, "2: 'later' is not a valid time"),
        ("event_id,time\n,2026-06-01\n", DataError, "2: it names no event"),
        (None, ConfigError, "cannot read the file of golden attacks"),
    ],
)
def test_a_golden_file_that_is_wrong_is_named_with_its_line(
    app: App, tmp_path: Path, text: str | None, error: type[Exception], said: str
) -> None:
    detector = golden_file(tmp_path)
    if text is None:
        (tmp_path / "golden.csv").unlink()
    else:
        (tmp_path / "golden.csv").write_text(text)
    with pytest.raises(error, match=said):
        golden_rows(app, detector, pa.table({}), as_of=END)
    assert any(said[-12:] in one.what for one in check_detector(app, detector, NOW))
