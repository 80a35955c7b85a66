"""What stands in the SIEM against what is wanted: shown, changed, left alone, taken out."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scoreback.connectors.doors import AlertQuery
from scoreback.connectors.local import LocalConnector
from scoreback.connectors.local.rule_engine.rules import Rules
from scoreback.connectors.local.storage.store import Store
from scoreback.deployment import AlertRule, DetectorNeeds, Found, Resource, Standing
from scoreback.errors import SiemRefused
from scoreback.health import HEALTH_RULES, Condition
from scoreback.models.detector.spec import Detector
from scoreback.records import ModelVersion
from scoreback.service import app as workspaces
from scoreback.service.app import App, opened
from scoreback.service.deploying.promotion import promote, rollback
from scoreback.service.deploying.reconcile import RULE, reconcile
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.jobs import Jobs
from scoreback.service.settings import Settings
from scoreback.service.state.audit import audit_log
from scoreback.service.state.deployed import note_removed
from scoreback.service.state.versions import Versions
from scoreback.service.state.workspace_state import State
from scoreback.service.stopping import Stop
from tests.integration.command import Ended, Run, runner
from tests.integration.embedded import score_until, siem_of

TEMPLATE = Resource(kind="template", name="scores", body={"a": 1})
STREAM = Resource(kind="stream", name="scores-default", body={}, holds_data=True)


@dataclass
class World:
    """What other people's hands did to a SIEM, and what was done in it by us."""

    needed: tuple[Resource, ...] = ()
    there: dict[str, Standing] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    undeletable: set[str] = field(default_factory=set)
    no_place: bool = False

    def found(self, name: str) -> Found | None:
        if name not in self.there:
            return None
        return Found(standing=self.there[name], differences=("a: 2 -> 1",))

    def removed(self, name: str) -> None:
        if name in self.undeletable:
            raise SiemRefused(f"{name} is in use")
        self.calls.append(f"remove {name}")
        self.there.pop(name, None)


class EditableRules(Rules):
    """The rules of the embedded SIEM, as somebody may have edited them."""

    def __init__(self, store: Store, world: World) -> None:
        super().__init__(store)
        self._world = world

    def standing(self, wanted: AlertRule) -> Found:
        return self._world.found(wanted.name) or super().standing(wanted)

    def apply(self, wanted: AlertRule) -> None:
        self._world.calls.append(f"apply {wanted.name}")
        self._world.there.pop(wanted.name, None)
        super().apply(wanted)

    def remove(self, name: str) -> None:
        self._world.removed(name)
        super().remove(name)


class SomeResources:
    """Resources, of which the embedded SIEM has none itself."""

    def __init__(self, world: World) -> None:
        self._world = world

    def require_place(self) -> None:
        if self._world.no_place:
            raise SiemRefused("there is no space 'soc'", hint="create it")

    def wanted(self) -> Sequence[Resource]:
        return self._world.needed

    def of_detector(self, _needs: DetectorNeeds) -> Sequence[Resource]:
        return ()

    def made(self) -> Sequence[Resource]:
        return ()

    def standing(self, wanted: Resource) -> Found:
        return self._world.found(wanted.name) or Found(standing=Standing.ABSENT)

    def apply(self, wanted: Resource) -> None:
        self._world.calls.append(f"apply {wanted.name}")
        self._world.there[wanted.name] = Standing.CURRENT

    def remove(self, resource: Resource) -> None:
        self._world.removed(resource.name)


@pytest.fixture
def siem(monkeypatch: pytest.MonkeyPatch) -> World:
    """From here on the embedded SIEM has what only other ones can have."""
    world = World()

    class EditableSiem:
        def __init__(self, siem: LocalConnector) -> None:
            self._siem = siem
            self.rules, self.resources = EditableRules(siem.store, world), SomeResources(world)

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the rest of a connector
            return getattr(self._siem, name)

        @classmethod
        def open(cls, name: str, settings: Mapping[str, object]) -> "EditableSiem":
            return cls(LocalConnector.open(name, settings))

    monkeypatch.setattr(workspaces, "load_connector", lambda _: EditableSiem)
    return world


@pytest.fixture
def scoreback(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    monkeypatch.setenv("SCOREBACK_HOME", str(workspace))

    return runner(monkeypatch, capsys)


def actions(ended: Ended) -> dict[str, str]:
    """What is to be done, but for rules about detectors: those stand already."""
    items = {item["name"]: item["action"] for item in ended.json["items"]}
    return {name: what for name, what in items.items() if not name.startswith(HEALTH_RULES)}


def test_where_all_stands_as_wanted_plan_ends_with_0_and_apply_changes_nothing(
    scoreback: Run, file: Path, detector: Detector, workspace: Path
) -> None:
    ended = scoreback("plan", file)
    assert ended.code == 0, ended.err
    assert detector.name in ended.out
    assert "Everything in the SIEM is up to date." in ended.out
    assert scoreback("apply", file).code == 0
    with opened(Settings(home=workspace)) as app:
        assert {entry.action for entry in audit_log(app.state)} <= {"register", "promote"}


def test_a_rule_that_is_gone_is_planned_with_3_made_by_apply_and_written_down(
    scoreback: Run, file: Path, detector: Detector, workspace: Path
) -> None:
    with opened(Settings(home=workspace)) as app:
        wanted = siem_of(app).rules.current(detector.name)
        siem_of(app).rules.remove(detector.name)
    ended = scoreback("plan", file, "--json")
    assert (ended.code, actions(ended)) == (
        3, {detector.name: "restore, as somebody removed it"},
    )  # fmt: skip
    ended = scoreback("apply", file, "--by", "ann")
    assert ended.code == 0, ended.err
    assert "restored" in ended.out
    with opened(Settings(home=workspace)) as app:
        assert siem_of(app).rules.current(detector.name) == wanted
        entry = audit_log(app.state)[0]
    assert (entry.actor, entry.action, entry.detector) == ("ann", "apply", detector.name)
    assert entry.detail["kind"] == "alert_rule"


def test_a_changed_file_is_shown_with_what_differs(
    scoreback: Run, file: Path, detector: Detector, tmp_path: Path
) -> None:
    changed = tmp_path / "changed.yml"
    changed.write_text(file.read_text().replace("alerts:", "owner: someone\nalerts:", 1))
    if "\nowner:" in file.read_text():
        lines = [line for line in file.read_text().splitlines() if not line.startswith("owner:")]
        changed.write_text("\n".join(["owner: someone", *lines]))
    ended = scoreback("plan", changed, "--json")
    assert (ended.code, actions(ended)) == (3, {detector.name: "update"})
    assert "-> someone" in ended.json["items"][0]["differences"][0]
    assert "updated" in scoreback("apply", changed).out
    assert scoreback("plan", changed).code == 0


def test_a_detector_that_does_not_score_yet_has_no_rule(
    scoreback: Run, file: Path, tmp_path: Path, detector: Detector
) -> None:
    other = tmp_path / "other.yml"
    other.write_text(file.read_text().replace(f"name: {detector.name}", "name: newcomer"))
    ended = scoreback("plan", other)
    assert ended.code == 0
    assert "newcomer has no version that scores yet" in ended.out
    assert not actions(scoreback("apply", other, "--json"))


def test_what_the_connection_needs_is_made_first_and_once(
    scoreback: Run, file: Path, detector: Detector, siem: World
) -> None:
    siem.needed = (TEMPLATE, STREAM)
    siem.there = {"scores": Standing.OUTDATED, detector.name: Standing.OUTDATED}
    ended = scoreback("plan", "--json")
    assert (ended.code, actions(ended)) == (3, {"scores": "update", "scores-default": "create"})
    assert not siem.calls
    assert scoreback("apply", file).code == 0
    assert siem.calls == ["apply scores", "apply scores-default", f"apply {detector.name}"]
    assert scoreback("apply", file).code == 0
    assert len(siem.calls) == 3


@pytest.mark.parametrize(
    ("standing", "action"),
    [(Standing.EDITED, "edited by hand"), (Standing.FOREIGN, "somebody else's")],
)
def test_what_others_changed_is_left_alone_until_it_is_taken_over(
    scoreback: Run,
    file: Path,
    detector: Detector,
    siem: World,
    standing: Standing,
    action: str,
    workspace: Path,
) -> None:
    siem.needed = (TEMPLATE,)
    siem.there = {"scores": standing, detector.name: standing}
    ended = scoreback("apply", file, "--json")
    assert (ended.code, set(actions(ended).values())) == (3, {action})
    assert not siem.calls
    ended = scoreback("apply", file)
    assert "--take-over" in ended.out
    assert "a: 2 -> 1" in ended.out
    ended = scoreback("apply", file, "--take-over", "--by", "ann")
    assert ended.code == 0, ended.err
    assert siem.calls == ["apply scores", f"apply {detector.name}"]
    with opened(Settings(home=workspace)) as app:
        taken = [entry for entry in audit_log(app.state) if entry.action == "take_over"]
    assert [entry.detail["name"] for entry in taken] == [detector.name, "scores"]


def test_scoring_goes_on_with_a_rule_that_was_edited_and_does_not_look_at_it(
    scoreback: Run,
    file: Path,
    detector: Detector,
    siem: World,
    end: datetime,
    workspace: Path,
) -> None:
    siem.there = {detector.name: Standing.EDITED}
    ended = scoreback("score", file, "--until", end.isoformat(), "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.json["scored"] > 0
    assert not siem.calls
    warnings: list[str] = []
    with opened(Settings(home=workspace)) as app:
        assert not reconcile(app, detector, at=end, warn=warnings.append)
    (warning,) = warnings
    assert f"alert rule '{detector.name}' was edited by hand" in warning
    assert "scoreback plan" in warning
    assert not siem.calls


@pytest.mark.parametrize("change", ["promote", "rollback"])
def test_promote_and_rollback_refuse_an_edited_rule_before_anything_changes(
    workspace: Path, detector: Detector, siem: World, end: datetime, change: str
) -> None:
    with opened(Settings(home=workspace)) as app:
        second = _second_version(app, _version(app, detector))
        if change == "rollback":
            promote(app, detector, second, by="ann", at=end)
        before = _champion(app, detector)
        siem.there = {detector.name: Standing.EDITED}
        siem.calls.clear()
        attempts = {
            "promote": lambda: promote(app, detector, second, by="ann", at=end),
            "rollback": lambda: rollback(app, detector, by="ann", at=end),
        }
        with pytest.raises(SiemRefused, match="was edited by hand; nothing was changed") as caught:
            attempts[change]()
        assert "scoreback apply --take-over" in caught.value.hint
        assert _champion(app, detector) == before
        assert not siem.calls


def test_a_first_promotion_over_somebody_elses_rule_says_to_rename(
    workspace: Path, detector: Detector, siem: World, end: datetime
) -> None:
    with opened(Settings(home=workspace)) as app:
        champion = _champion(app, detector)
        with app.state.database.writes() as connection:
            connection.exec_driver_sql("UPDATE versions SET status = 'candidate'")
        siem.there = {detector.name: Standing.FOREIGN}
        with pytest.raises(SiemRefused, match="is not Scoreback's") as caught:
            promote(app, detector, champion, by="ann", at=end)
        assert "rename" in caught.value.hint


def test_removing_a_rule_leaves_its_alerts_and_only_apply_brings_it_back(
    scoreback: Run, file: Path, detector: Detector, workspace: Path, end: datetime
) -> None:
    assert scoreback("score", file, "--until", end.isoformat()).code == 0
    ended = scoreback("remove", file, "--yes", "--by", "ann")
    assert ended.code == 0, ended.err
    assert "stays out until `scoreback apply`" in ended.out
    with opened(Settings(home=workspace)) as app:
        assert siem_of(app).rules.current(detector.name) is None
        assert list(siem_of(app).alerts.find(AlertQuery(detector=detector.name)))
        assert audit_log(app.state)[0].action == "remove"
    assert "nothing of Scoreback's" in scoreback("remove", file, "--yes").out
    assert scoreback("score", file, "--until", end.isoformat()).code == 0
    with opened(Settings(home=workspace)) as app:
        assert not reconcile(app, detector, at=end, warn=lambda _: None)
        assert siem_of(app).rules.current(detector.name) is None
    assert scoreback("apply", file).code == 0
    with opened(Settings(home=workspace)) as app:
        assert siem_of(app).rules.current(detector.name) is not None
    assert scoreback("remove", file, "--yes").code == 0


def test_a_rule_that_somebody_deleted_stays_deleted_also_when_another_version_is_promoted(
    scoreback: Run, file: Path, detector: Detector, workspace: Path, end: datetime
) -> None:
    warnings: list[str] = []
    with opened(Settings(home=workspace)) as app:
        second = _second_version(app, _version(app, detector))
        siem_of(app).rules.remove(detector.name)
        promote(app, detector, second, by="ann", at=end, warn=warnings.append)
        assert _champion(app, detector) == second
        assert siem_of(app).rules.current(detector.name) is None
        rollback(app, detector, by="ann", at=end, warn=warnings.append)
        promote(app, detector, second, by="ann", at=end, warn=warnings.append)
    assert len(warnings) == 3
    assert all("somebody removed alert rule" in warning for warning in warnings)
    assert all("scoreback apply" in warning for warning in warnings)
    ended = scoreback("plan", file, "--json")
    assert actions(ended) == {detector.name: "restore, as somebody removed it"}
    assert scoreback("apply", file).code == 0
    with opened(Settings(home=workspace)) as app:
        rule = siem_of(app).rules.current(detector.name)
    assert rule is not None
    assert rule.version == second


def test_a_changed_file_reaches_the_rule_without_a_command_and_once(
    workspace: Path, detector: Detector, end: datetime
) -> None:
    changed = detector.model_copy(update={"owner": "somebody new"})
    with opened(Settings(home=workspace)) as app:
        assert not reconcile(app, detector, at=end)
        assert reconcile(app, changed, at=end)
        rule = siem_of(app).rules.current(detector.name)
        assert rule is not None
        assert rule.owner == "somebody new"
        assert not reconcile(app, changed, at=end)


def test_a_rule_that_is_made_after_scoring_looks_at_what_came_lately(
    workspace: Path, detector: Detector, end: datetime
) -> None:
    with opened(Settings(home=workspace)) as app:
        siem_of(app).rules.remove(detector.name)
        note_removed(app.state, app.connector.name, RULE, detector.name)
        assert score_until(app, detector, end).alerts > 5
        assert not list(siem_of(app).alerts.find())
        assert reconcile(app, detector, at=end + timedelta(minutes=5))
        raised = list(siem_of(app).alerts.find())
    assert len(raised) > 3
    assert {alert.raised_at for alert in raised} == {end + timedelta(minutes=5)}


def test_the_job_that_reconciles_brings_the_rule_up_to_date_and_warns_once(
    workspace: Path, detector: Detector, end: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "scoreback")
    changed = detector.model_copy(update={"owner": "somebody new"})
    settings = Settings(home=workspace)
    with State.open(settings.state) as state:
        jobs = Jobs(settings, state, Stop(), lambda: end)
        jobs.serve({detector.name: Served(Path("x.yml"), changed)})
        jobs.run("reconcile", detector.name)
        with opened(settings, state=state) as app:
            rule = siem_of(app).rules.current(detector.name)
            siem_of(app).rules.remove(detector.name)
        assert rule is not None
        assert rule.owner == "somebody new"
        assert not caplog.records
        jobs.run("reconcile", detector.name)
        jobs.run("reconcile", detector.name)
        (said,) = caplog.records
        assert "somebody removed alert rule" in said.getMessage()


def test_removing_everything_takes_rules_first_and_leaves_data_and_what_is_not_ours(
    scoreback: Run, detector: Detector, siem: World
) -> None:
    policy = Resource(kind="policy", name="theirs", body={})
    siem.needed = (policy, TEMPLATE, STREAM)
    siem.there = {
        "theirs": Standing.FOREIGN,
        "scores": Standing.EDITED,
        "scores-default": Standing.CURRENT,
    }
    ended = scoreback("remove", "--all", "--yes")
    assert ended.code == 3
    of_health = [f"remove {HEALTH_RULES}{condition}" for condition in Condition]
    assert siem.calls == [f"remove {detector.name}", *of_health, "remove scores"]
    assert "it holds data" in ended.out
    assert "somebody else's" in ended.out
    ended = scoreback("remove", "--all", "--with-data", "--yes", "--json")
    removed = {item["name"] for item in ended.json if item["removed"]}
    assert (ended.code, removed) == (3, {"scores-default"})


def test_without_a_place_for_it_nothing_is_planned_or_applied_and_all_can_be_removed(
    scoreback: Run, file: Path, siem: World
) -> None:
    siem.needed, siem.no_place = (TEMPLATE,), True
    siem.there = {"scores": Standing.CURRENT}
    for command in ("plan", "apply"):
        ended = scoreback(command, file)
        assert ended.code == 1
        assert "no space 'soc'" in ended.err
    assert not siem.calls
    assert scoreback("remove", "--all", "--yes").code == 0
    assert siem.calls[-1] == "remove scores"


def test_what_the_first_document_makes_is_later_and_nothing_to_do(
    scoreback: Run, siem: World
) -> None:
    siem.needed, siem.there = (STREAM,), {STREAM.name: Standing.AWAITED}
    scoreback("apply", "--take-over")
    ended = scoreback("plan", "--json")
    (stream,) = (item for item in ended.json["items"] if item["name"] == STREAM.name)
    assert stream["action"] == "later: the first document creates it"
    assert ended.code == 0
    ended = scoreback("remove", "--all", "--with-data", "--yes", "--json")
    assert f"apply {STREAM.name}" not in siem.calls
    assert STREAM.name not in {item["name"] for item in ended.json}


def test_what_the_siem_will_not_remove_does_not_stop_the_rest(scoreback: Run, siem: World) -> None:
    siem.needed = (TEMPLATE, Resource(kind="template", name="counts", body={}))
    siem.there = {"scores": Standing.CURRENT, "counts": Standing.CURRENT}
    siem.undeletable = {"counts"}
    ended = scoreback("remove", "--all", "--yes")
    assert ended.code == 3
    assert "counts is in use" in ended.out
    assert siem.calls[-1] == "remove scores"


def test_removing_asks_first_and_needs_somebody_to_answer(
    scoreback: Run, file: Path, detector: Detector, workspace: Path
) -> None:
    assert "name detector files" in scoreback("remove").err
    assert "--all" in scoreback("remove", file, "--with-data").err
    ended = scoreback("remove", file)
    assert ended.code == 1
    assert "--yes" in ended.err
    with opened(Settings(home=workspace)) as app:
        assert siem_of(app).rules.current(detector.name) is not None


def test_a_folder_stands_for_the_detector_files_in_it_and_names_are_unique(
    scoreback: Run, file: Path, detector: Detector, tmp_path: Path
) -> None:
    folder = tmp_path / "detectors"
    folder.mkdir()
    assert "holds no detector file" in scoreback("plan", folder).err
    (folder / "a.yml").write_text(file.read_text())
    (folder / ".hidden.yml").write_text("name: [")
    assert detector.name in scoreback("plan", folder).out
    (folder / "b.yaml").write_text(file.read_text())
    ended = scoreback("plan", folder)
    assert ended.code == 1
    assert "a.yml" in ended.err
    assert "b.yaml" in ended.err


def _champion(app: App, detector: Detector) -> str:
    return _version(app, detector).version


def _version(app: App, detector: Detector) -> ModelVersion:
    found = Versions(app.state).champion(detector.name)
    assert found is not None
    return found


def _second_version(app: App, first: ModelVersion) -> str:
    """A candidate with the model of *first* under a number of its own, without a training."""
    for artifact in ("0" * 64, first.artifact_hash):  # equal to the newest, it would be no new one
        second = Versions(app.state).register(
            detector=first.detector, artifact_hash=artifact, algorithm=first.algorithm,
            trained_as_of=first.trained_as_of, created_at=first.created_at,
            row_hash=first.row_hash, metrics=first.metrics,
        )  # fmt: skip
    source, copy = (app.artifact_folder(first.detector, v.version) for v in (first, second))
    shutil.copytree(source, copy)
    return second.version
