"""What people give: exports that come late, labels that cannot be read, broken files."""

import csv
import json
import os
import shutil
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from scoreback.service import cli
from scoreback.service.demo.exports import write_exports
from scoreback.service.state.locks import hold_lock
from tests.integration.command import Ended, Run, runner

DETECTOR = """
name: alert_queue
events: {local: {stream: alerts}}
entity: host.name
labels:
  field:
    name: closed.as
    positive: [true positive]
    negative: [false positive, benign]
    time: closed.at
  verdicts: {join: event}
  mature_after: 2d
features:
  - category: rule.name
  - category: labels.host_group
  - number: destination.port
  - number: network.kbytes
  - {count: events, by: host.name, over: 2h}
train: {algorithms: [logistic_regression]}
alerts: {budget: 5/day, per_entity: 3/day, throttle: 5m}
"""
COLUMNS = (
    "--stream", "alerts", "--time", "raised_at", "--id", "alert_id", "--field", "rule.name=rule",
    "--field", "host.name=host", "--field", "labels.host_group=host_group",
    "--field", "destination.port=dest_port", "--field", "network.kbytes=kbytes",
)  # fmt: skip
LABELS = ("--field", "closed.as=closed_as", "--field", "closed.at=closed_at")
UNTIL = "2026-02-23"


@pytest.fixture
def scoreback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tutorial's exports, a detector file and a workspace that has learnt."""
    folder = tmp_path_factory.mktemp("inputs")
    write_exports(folder)
    file = folder / "alert_queue.yml"
    file.write_text(DETECTOR)
    _quietly("load", folder / "closed.csv", *COLUMNS, *LABELS, "--home", folder / "home")
    _quietly("train", file, "--as-of", "2026-02-16", "--promote", "--home", folder / "home")
    return folder


def _quietly(*arguments: object) -> None:
    before, sys.argv = sys.argv, ["scoreback", *map(str, arguments)]
    try:
        with pytest.raises(SystemExit) as stop:
            cli.main()
    finally:
        sys.argv = before
    assert not stop.value.code


@pytest.fixture
def folder(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the trained folder, entered, whose workspace is the chosen one."""
    copy = tmp_path / "own"
    shutil.copytree(trained, copy)
    monkeypatch.chdir(copy)
    monkeypatch.setenv("SCOREBACK_HOME", str(copy / "home"))
    return copy


def halves(folder: Path) -> tuple[Path, Path]:
    """The week's alerts as two sensors would export them: every other row each."""
    header, *rows = (folder / "open.csv").read_text().splitlines()
    files = folder / "a.csv", folder / "b.csv"
    for number, file in enumerate(files):
        file.write_text("\n".join([header, *rows[number::2]]) + "\n")
    return files


def test_a_second_export_of_days_that_were_scored_is_scored_at_the_next_run(
    folder: Path, scoreback: Run
) -> None:
    first, second = halves(folder)
    assert "older than" not in scoreback("load", first, *COLUMNS).out
    run = json.loads(scoreback("score", "alert_queue.yml", "--until", UNTIL, "--json").out)
    assert (run["scored"], run["late"], run["never_scored"]) == (161, 0, 0)
    loaded = scoreback("load", second, *COLUMNS)
    assert "160 events are older than those already scored" in loaded.out
    run = json.loads(scoreback("score", "alert_queue.yml", "--until", UNTIL, "--json").out)
    assert (run["scored"], run["never_scored"]) == (161, 0)
    assert json.loads(scoreback("score", "alert_queue.yml", "--until", UNTIL, "--json").out)[
        "read"
    ] == 0  # fmt: skip
    assert json.loads(scoreback("load", second, *COLUMNS, "--json").out)[0]["behind"] == 0


def test_events_whose_lag_has_not_passed_are_told_with_the_oldest(
    folder: Path, scoreback: Run
) -> None:
    scoreback("load", "open.csv", *COLUMNS)
    with (folder / "open.csv").open() as file:
        raised = sorted(row["raised_at"] for row in csv.DictReader(file))
    middle = datetime.fromisoformat(raised[100]) + timedelta(minutes=2)
    at = ("score", "alert_queue.yml", "--until", middle.isoformat())
    told = scoreback(*at).out
    run = json.loads(scoreback(*at, "--json").out)
    assert run["events_waiting"] > 0
    assert f"{run['events_waiting']} event" in told
    assert datetime.fromisoformat(run["waiting_since"]) <= middle
    run = json.loads(scoreback("score", "alert_queue.yml", "--until", UNTIL, "--json").out)
    assert (run["events_waiting"], run["waiting_since"]) == (0, None)


def test_two_exports_of_the_same_days_loaded_before_a_run_are_both_in_time(
    folder: Path, scoreback: Run
) -> None:
    for file in halves(folder):
        scoreback("load", file, *COLUMNS)
    run = json.loads(scoreback("score", "alert_queue.yml", "--until", UNTIL, "--json").out)
    assert (run["scored"], run["late"]) == (322, 0)


def test_older_history_loaded_later_is_learnt_from_and_not_scored(
    folder: Path, scoreback: Run
) -> None:
    scoreback("load", "open.csv", *COLUMNS)
    scoreback("score", "alert_queue.yml", "--until", UNTIL)
    header, first, *_ = (folder / "closed.csv").read_text().splitlines()
    (folder / "older.csv").write_text(f"{header}\n{first.replace('A-', 'older-', 1)}\n")
    loaded = json.loads(scoreback("load", "older.csv", *COLUMNS, "--json").out)
    assert (loaded[0]["loaded"], loaded[0]["behind"]) == (1, 0)
    run = json.loads(scoreback("score", "alert_queue.yml", "--until", UNTIL, "--json").out)
    assert (run["read"], run["never_scored"]) == (0, 0)


def test_events_that_are_never_scored_are_told_by_load_score_and_check(
    folder: Path, scoreback: Run
) -> None:
    first, second = halves(folder)
    scoreback("load", first, *COLUMNS)
    scoreback("score", "alert_queue.yml", "--until", UNTIL)
    loaded = scoreback("load", second, *COLUMNS, "--arrival", "raised_at")
    assert "160 events arrived, according to the export, before events that are" in loaded.out
    run = scoreback("score", "alert_queue.yml", "--until", UNTIL, "--json")
    assert json.loads(run.out)["never_scored"] == 160
    assert "160 events of alert_queue came in late" in run.err
    checked = scoreback("check", "alert_queue.yml")
    assert checked.code == 0
    assert "160 events of alert_queue" in " ".join(checked.out.split())


SCORED = ("--until", UNTIL, "--json")


def relabelled(folder: Path, scoreback: Run, change: Callable[[list[str]], list[str]]) -> None:
    """A fresh workspace whose closed alerts have other labels: the last two columns changed."""
    shutil.rmtree(folder / "home")
    header, *rows = (folder / "closed.csv").read_text().splitlines()
    at = [header.split(",").index(name) for name in ("closed_as", "closed_at")]
    lines = [header]
    for row in rows:
        cells = row.split(",")
        for index, value in zip(at, change([cells[i] for i in at]), strict=True):
            cells[index] = value
        lines.append(",".join(cells))
    (folder / "closed.csv").write_text("\n".join(lines) + "\n")
    assert scoreback("load", folder / "closed.csv", *COLUMNS, *LABELS).code == 0


def train(scoreback: Run) -> Ended:
    return scoreback("train", "alert_queue.yml", "--as-of", "2026-02-16")


def test_label_times_that_are_no_times_are_counted_with_an_example_and_never_learnt_from(
    folder: Path, scoreback: Run
) -> None:
    relabelled(folder, scoreback, lambda label: [label[0], label[1][:10].replace("-", "")])
    for ended in (train(scoreback), scoreback("check", "alert_queue.yml", "--json")):
        said = " ".join((ended.out + ended.err).split())
        assert "labels are not used" in said
        assert "such as '2026" in said
    assert train(scoreback).code == 1


@pytest.mark.parametrize("form", ["%m/%d/%Y %I:%M:%S %p", "%d/%b/%Y:%H:%M:%S +0000", "epoch"])
def test_label_times_are_read_in_every_form_that_load_reads(
    folder: Path, scoreback: Run, form: str
) -> None:
    def written(label: list[str]) -> list[str]:
        if not label[1]:
            return label
        moment = datetime.fromisoformat(label[1])
        return [label[0], str(int(moment.timestamp())) if form == "epoch" else f"{moment:{form}}"]

    before = json.loads(
        scoreback("train", "alert_queue.yml", "--as-of", "2026-02-16", "--json").out
    )
    relabelled(folder, scoreback, written)
    ended = scoreback("train", "alert_queue.yml", "--as-of", "2026-02-16", "--json")
    assert ended.code == 0, ended.err
    after = json.loads(ended.out)
    assert after["label_problems"] == []
    assert after["counts"] == before["counts"]
    assert after["version"]["artifact_hash"] == before["version"]["artifact_hash"]


def test_label_values_that_the_file_spells_otherwise_are_told_by_check_and_train(
    folder: Path, scoreback: Run
) -> None:
    relabelled(folder, scoreback, lambda label: [label[0].title(), label[1]])
    for ended in (train(scoreback), scoreback("check", "alert_queue.yml", "--json")):
        said = " ".join((ended.out + ended.err).split())
        assert "events have 'True Positive' in 'closed.as'" in said
        assert "the values there are: 'False Positive' (" in said
    assert scoreback("check", "alert_queue.yml").code == 0


@pytest.mark.usefixtures("folder")
def test_check_counts_labels_and_says_which_values_match_nothing(scoreback: Run) -> None:
    text = DETECTOR.replace("[false positive, benign]", "[false positive, benign, harm*]")
    Path("alert_queue.yml").write_text(text)
    checked = scoreback("check", "alert_queue.yml")
    assert checked.code == 0
    assert "Labels of alert_queue in 'closed.as'" in checked.out
    assert "in none of these events: 'harm*'; values are compared as a whole" in checked.out
    entry = json.loads(scoreback("check", "alert_queue.yml", "--json").out)[-1]
    values = {one["value"]: one["events"] for one in entry["labels"]["values"]}
    assert entry["labels"]["positive"] == values["true positive"] > 100
    assert entry["labels"]["negative"] == values["false positive"] + values.get("benign", 0)
    assert entry["labels"]["unmatched"] == ["harm*"]


def test_nothing_is_taken_back_while_a_detector_is_scored(
    folder: Path, scoreback: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scoreback.service.detectors.unload_job._WAIT", 0)
    before = scoreback("streams", "--json").out
    with hold_lock(folder / "home/state/locks", "alert_queue", what="the scoring"):
        refused = scoreback("unload", "closed.csv", "--stream", "alerts")
    assert refused.code == 1
    assert "is in use by process" in refused.err
    assert scoreback("streams", "--json").out == before


@pytest.mark.usefixtures("folder")
def test_a_file_of_verdicts_closes_many_alerts_or_none(scoreback: Run) -> None:
    scoreback("load", "open.csv", *COLUMNS)
    scoreback("score", "alert_queue.yml", *SCORED)
    first, second, third, *rest = json.loads(scoreback("verdict", "--json").out)
    assert rest
    file = Path("verdicts.csv")
    short = second["alert_id"][:12]
    good = f"{first['alert_id']},true positive,,\n{short},false_positive,2026-02-24,ada\n"
    bad = f"{third['alert_id']},undetermined,2026-01-01,\nnobody,undetermined,,\n"
    bad += f"{short},undetermined,,\n,undetermined,2099-01-01,"
    file.write_text(f"alert,verdict,at,by\n{good}{bad}")
    refused = scoreback("verdict", "--file", file)
    assert refused.code == 1
    assert "verdicts.csv:4: the verdict's time, 2026-01-01T00:00:00+00:00, is" in refused.err
    assert "verdicts.csv:5: no alert has id 'nobody'" in refused.err
    assert f"verdicts.csv:6: alert {second['alert_id']} is on line 3 already" in refused.err
    assert "verdicts.csv:7: it names no alert" in refused.err
    assert len(json.loads(scoreback("verdict", "--json").out)) == 3 + len(rest)

    file.write_text(f"alert,verdict,at,by\n{good}")
    closed = json.loads(scoreback("verdict", "--file", file, "--by", "dana", "--json").out)
    assert (closed["closed"], closed["unchanged"]) == (2, 0)
    assert closed["verdicts"] == {"true_positive": 1, "false_positive": 1}
    listed = json.loads(scoreback("verdict", "--all", "--json", "--limit", "1000").out)
    by = {alert["alert_id"]: alert["labeller"] for alert in listed if alert["verdict"]}
    assert by == {first["alert_id"]: "dana", second["alert_id"]: "ada"}
    again = scoreback("verdict", "--file", file, "--by", "dana")
    assert "0 alerts closed; 2 had this verdict already" in again.out
    assert scoreback("verdict", first["alert_id"], "--file", file).code == 2


@pytest.mark.usefixtures("folder")
def test_an_export_is_taken_back_until_something_was_scored_from_it(scoreback: Run) -> None:
    scoreback("load", "open.csv", *COLUMNS)
    held = {s["name"]: s["rows"] for s in json.loads(scoreback("streams", "--json").out)}
    gone = scoreback("unload", "open.csv", "--stream", "alerts", "--json")
    assert gone.code == 0, gone.err
    told = json.loads(gone.out)
    assert told["rows"] + told["left"] == held["alerts"]
    again = scoreback("load", "open.csv", *COLUMNS, "--json")
    assert json.loads(again.out)[0]["loaded"] == told["rows"]
    scoreback("score", "alert_queue.yml", *SCORED)
    for file in ("open.csv", "closed.csv"):  # the older one is in windows of what was scored
        refused = scoreback("unload", file, "--stream", "alerts")
        assert refused.code == 1
        assert "by alert_queue (up to 2026-02-22" in refused.err
    after = json.loads(scoreback("streams", "--json").out)
    assert {s["name"]: s["rows"] for s in after} == held


def test_events_to_be_scored_need_no_label_field(folder: Path, scoreback: Run) -> None:
    shutil.rmtree(folder / "home/siem")
    scoreback("load", "open.csv", *COLUMNS)
    run = scoreback("score", "alert_queue.yml", *SCORED)
    assert run.code == 0, run.err
    assert json.loads(run.out)["scored"] == 322
    checked = scoreback("check", "alert_queue.yml", "--json")
    assert checked.code == 0
    said = " ".join(checked.out.split())
    assert "no event of the selection has the field 'closed.as'" in said
    assert "scoring goes on without it" in said
    refused = scoreback("train", "alert_queue.yml", "--as-of", "2026-02-23")
    assert refused.code == 1
    assert "no event of its selection has field 'closed.as'" in refused.err


UNIT = """
name: busy_hosts
events: {local: {stream: alerts}}
unit:
  group: [host.name, rule.name]
  every: 10m
  fields: {size: {count: events}}
entity: host.name
labels:
  field: {name: closed.as, positive: [true positive], negative: [false positive], time: closed.at}
features: [{number: size}, {sum: size, by: host.name, over: 2h}]
alerts: {budget: 5/day}
"""


def test_check_looks_at_windows_over_units_and_not_over_their_events(
    folder: Path, scoreback: Run
) -> None:
    (folder / "busy.yml").write_text(UNIT)
    checked = scoreback("check", "busy.yml")
    assert checked.code == 0, checked.err
    assert "'size'" not in checked.out


INCIDENTS = {
    "without a column": ("entity;from;to;verdict\nws-028;2026-01-05;2026-01-06;true_positive\n",
                         "no column 'entity'"),
    "a wrong line": ("entity,from,to,verdict\nws-028,soon,2026-01-06,true_positive\n",
                     ":2: 'soon' in 'from'"),
    "missing": (None, "cannot read the incidents file"),
}  # fmt: skip


@pytest.mark.parametrize("case", INCIDENTS)
def test_an_incidents_file_that_training_would_refuse_is_named_by_check(
    folder: Path, scoreback: Run, case: str
) -> None:
    text, says = INCIDENTS[case]
    (folder / "incidents.yml").write_text(
        DETECTOR.replace("  verdicts: {join: event}\n", "  incidents: incidents.csv\n")
    )
    if text is not None:
        (folder / "incidents.csv").write_text(text)
    checked = scoreback("check", "incidents.yml", "--json")
    assert checked.code == 3
    validated = scoreback("validate", "incidents.yml")
    assert validated.code == 1
    assert "incidents.yml:11: labels.incidents: " in validated.err
    assert says in validated.err
    assert [f for f in json.loads(checked.out) if says in f["what"] and f["fatal"]]


def test_one_broken_file_in_a_folder_keeps_no_other_detector_from_being_scored(
    folder: Path, scoreback: Run
) -> None:
    scoreback("load", "open.csv", *COLUMNS)
    files = folder / "detectors"
    files.mkdir()
    shutil.copy("alert_queue.yml", files / "good.yml")
    (files / "broken.yml").write_text("name: [")
    os.mkfifo(files / "pipe.yml")
    run = scoreback("score", files, *SCORED)
    assert run.code == 3
    scored, *broken = json.loads(run.out)
    assert scored["scored"] == 322
    assert [Path(str(one["file"])).name for one in broken] == ["broken.yml", "pipe.yml"]
    assert "broken.yml:1" in run.err
    assert "named pipe" in run.err
    checked = scoreback("check", files, "--json")
    assert [f["what"] for f in json.loads(checked.out) if "pipe" in f["what"]]
    (files / "good.yml").unlink()
    assert scoreback("score", files, *SCORED).code == 1


@pytest.mark.usefixtures("folder")
def test_two_files_of_one_name_are_both_left_out(scoreback: Run) -> None:
    shutil.copy("alert_queue.yml", "copy.yml")
    run = scoreback("score", "alert_queue.yml", "copy.yml", *SCORED)
    assert run.code == 1
    assert run.err.count("both describe a detector called 'alert_queue'") == 1
    assert scoreback("score", "alert_queue.yml", *SCORED).code == 0


@pytest.mark.parametrize(
    ("at", "says", "code"),
    [
        ("2019-01-01T00:00:00Z", "its event happened at 2026-02-", 1),
        ("2099-01-01T00:00:00Z", "is in the future", 2),
        ("1772452800000", "is not a valid time", 2),
        ("yesterday", "is not a valid time", 2),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_verdict_is_given_neither_before_its_event_nor_in_the_future(
    scoreback: Run, at: str, says: str, code: int
) -> None:
    scoreback("load", "open.csv", *COLUMNS)
    scoreback("score", "alert_queue.yml", *SCORED)
    alert = json.loads(scoreback("verdict", "--json").out)[0]["alert_id"]
    refused = scoreback("verdict", alert, "true_positive", "--at", at)
    assert refused.code == code
    assert says in refused.err
    assert alert in {a["alert_id"] for a in json.loads(scoreback("verdict", "--json").out)}
