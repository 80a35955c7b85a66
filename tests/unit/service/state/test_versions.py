"""Versions: numbers, lineage, promotion and rollback."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreback.errors import StateError
from scoreback.records import ModelVersion
from scoreback.service.state import tables
from scoreback.service.state.audit import audit_log
from scoreback.service.state.versions import Versions
from scoreback.service.state.workspace_state import State

T = datetime(2024, 5, 1, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path) as opened:
        yield opened


def register(state: State, artifact: str, detector: str = "d") -> ModelVersion:
    return Versions(state).register(
        detector=detector, artifact_hash=artifact * 8, algorithm="xgboost", trained_as_of=T,
        created_at=T, row_hash="rows", metrics={"average_precision": 0.5},
    )  # fmt: skip


def test_versions_are_numbered_per_detector_and_named_by_their_artefact(state: State) -> None:
    names = [register(state, text).version for text in ("ab12cd34", "00000000", "ab12cd34")]
    assert names == ["v1-ab12cd34", "v2-00000000", "v3-ab12cd34"]
    assert register(state, "ffffffff", "e").version == "v1-ffffffff"
    assert [v.version for v in Versions(state).list("d")] == names


def test_training_the_same_again_gives_the_same_version(state: State) -> None:
    first = register(state, "ab12cd34")
    assert register(state, "ab12cd34") == first
    assert len(Versions(state).list("d")) == 1
    assert len(audit_log(state)) == 1


def test_what_was_registered_is_what_is_listed(state: State) -> None:
    made = Versions(state).register(
        detector="d", artifact_hash="0" * 64, algorithm="xgboost", trained_as_of=T, created_at=T,
        row_hash="rows", metrics={"a": 0.1, "none": math.nan},
    )  # fmt: skip
    found = Versions(state).get("d", made.version)
    assert found.metrics["a"] == 0.1
    assert math.isnan(found.metrics["none"])
    assert (found.status, found.parent, found.trained_as_of) == ("candidate", None, T)


def test_the_parent_is_the_champion_of_the_time_of_training(state: State) -> None:
    first = register(state, "11111111")
    assert register(state, "22222222").parent is None
    Versions(state).promote("d", first.version, by="ann", at=T)
    assert register(state, "33333333").parent == first.version


def test_promotion_retires_the_champion_and_is_logged(state: State) -> None:
    versions = Versions(state)
    one, two = register(state, "11111111"), register(state, "22222222")
    assert versions.champion("d") is None
    assert versions.promote("d", one.version, by="ann", at=T).status == "champion"
    assert versions.promote("d", two.version, by="bob", at=T).status == "champion"
    assert [v.status for v in versions.list("d")] == ["retired", "champion"]
    assert versions.champion("d") == versions.get("d", two.version)
    entry = audit_log(state, "d", limit=1)[0]
    assert (entry.actor, entry.action, entry.at) == ("bob", "promote", T)
    assert entry.detail == {"version": two.version, "before": one.version}


def test_promoting_the_champion_again_changes_nothing(state: State) -> None:
    versions = Versions(state)
    one = register(state, "11111111")
    versions.promote("d", one.version, by="ann", at=T)
    logged = len(audit_log(state))
    assert versions.promote("d", one.version, by="ann", at=T).status == "champion"
    assert len(audit_log(state)) == logged
    with pytest.raises(StateError, match="is the first"):
        versions.rollback("d", by="ann", at=T)


def test_unknown_versions_are_refused_with_those_that_there_are(state: State) -> None:
    versions = Versions(state)
    with pytest.raises(StateError) as caught:
        versions.promote("d", "v1", by="ann", at=T)
    assert "train one first" in caught.value.hint
    one = register(state, "11111111")
    versions.promote("d", one.version, by="ann", at=T)
    for ask in (versions.get, lambda d, v: versions.promote(d, v, by="ann", at=T)):
        with pytest.raises(StateError, match="has no version 'v9'") as caught:
            ask("d", "v9")
        assert one.version in caught.value.hint
    assert versions.champion("d") == versions.get("d", one.version)


def test_rollback_without_history_is_refused(state: State) -> None:
    with pytest.raises(StateError, match="none was promoted"):
        Versions(state).rollback("d", by="ann", at=T)


def test_a_rollback_that_leads_nowhere_names_versions_that_can_be_promoted(state: State) -> None:
    versions = Versions(state)
    one = register(state, "1" * 8).version
    versions.promote("d", one, by="ann", at=T)
    with pytest.raises(StateError) as alone:
        versions.rollback("d", by="ann", at=T)
    assert "train another version" in alone.value.hint
    two = register(state, "2" * 8).version
    with pytest.raises(StateError) as beside:
        versions.rollback("d", by="ann", at=T)
    assert beside.value.hint == f"promote one of its versions: {two}"


def test_rollback_goes_back_step_by_step_and_is_undone_by_promotion(state: State) -> None:
    versions = Versions(state)
    one, two, three = (register(state, text * 8).version for text in "123")
    for version in (one, two, three):
        versions.promote("d", version, by="ann", at=T)
    assert versions.rollback("d", by="ann", at=T).version == two
    assert versions.rollback("d", by="ann", at=T).version == one
    with pytest.raises(StateError, match="no earlier champion"):
        versions.rollback("d", by="ann", at=T)
    assert versions.promote("d", three, by="ann", at=T).status == "champion"
    assert versions.rollback("d", by="ann", at=T).version == one
    assert [entry.action for entry in audit_log(state, "d", 2)] == ["rollback", "promote"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[State, Iterator[int]]]:
    with State.open(tmp_path_factory.mktemp("state")) as opened:
        yield opened, count()


@settings(max_examples=50)
@given(steps=st.lists(st.sampled_from(["train", "rollback", 0, 1, 2, 3]), max_size=12))
def test_any_sequence_behaves_as_a_stack_of_champions(
    shared: tuple[State, Iterator[int]], steps: list[str | int]
) -> None:
    state, numbers = shared
    detector, versions = f"d{next(numbers)}", Versions(state)
    stack: list[str] = []
    names: list[str] = []
    for i, step in enumerate(steps):
        if step == "train":
            names.append(register(state, f"{i:08x}", detector).version)
        elif step == "rollback" and len(stack) < 2:
            with pytest.raises(StateError):
                versions.rollback(detector, by="ann", at=T)
        elif step == "rollback":
            stack.pop()
            assert versions.rollback(detector, by="ann", at=T).version == stack[-1]
        elif isinstance(step, int) and step < len(names):
            versions.promote(detector, names[step], by="ann", at=T)
            if stack[-1:] != [names[step]]:
                stack.append(names[step])
        statuses = {v.version: v.status for v in versions.list(detector)}
        champions = [name for name, status in statuses.items() if status == "champion"]
        assert champions == stack[-1:]
        assert all(statuses[name] == "retired" for name in set(stack) - set(champions))


def test_a_failed_promotion_changes_nothing(state: State) -> None:
    versions = Versions(state)
    one, two = register(state, "11111111"), register(state, "22222222")
    versions.promote("d", one.version, by="ann", at=T)
    before = versions.list("d")

    def fail(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "INSERT INTO audit" in statement:
            raise KeyboardInterrupt

    sa.event.listen(state.database.engine, "before_cursor_execute", fail)
    with pytest.raises(KeyboardInterrupt):
        versions.promote("d", two.version, by="ann", at=T)
    sa.event.remove(state.database.engine, "before_cursor_execute", fail)
    assert versions.list("d") == before


def test_there_cannot_be_two_champions(state: State) -> None:
    register(state, "11111111")
    register(state, "22222222")
    with pytest.raises(sa.exc.IntegrityError), state.database.writes() as connection:
        connection.execute(sa.update(tables.versions).values(status="champion"))


def test_detectors_do_not_share_champions(state: State) -> None:
    versions = Versions(state)
    mine, other = register(state, "11111111"), register(state, "22222222", "e")
    versions.promote("d", mine.version, by="ann", at=T)
    versions.promote("e", other.version, by="ann", at=T)
    for detector, version in (("d", mine), ("e", other)):
        champion = versions.champion(detector)
        assert champion is not None
        assert champion.version == version.version


def test_a_version_is_named_by_its_number_or_by_a_start_that_only_it_has(state: State) -> None:
    names = [register(state, f"{n:08x}").version for n in range(12)]
    versions = Versions(state)
    for name in names:
        assert versions.named("d", name).version == name
        assert versions.named("d", name.partition("-")[0]).version == name
        assert versions.named("d", name[:-1]).version == name
    assert versions.named("d", "v1").version == names[0]  # not one of v10, v11, v12
    with pytest.raises(StateError, match="12 versions whose name begins with 'v'") as told:
        versions.named("d", "v")
    assert "v12-0000000b, v11-0000000a" in told.value.hint
    for none in ("", "v13", "0000", "v1-1"):
        with pytest.raises(StateError, match="no version"):
            versions.named("d", none)


def statuses(state: State) -> list[str]:
    return [one.status for one in Versions(state).list("d")]


def test_a_shadow_is_beside_the_champion_and_of_many_the_oldest_retires_with_the_reason(
    state: State,
) -> None:
    versions = Versions(state)
    names = [register(state, str(n) * 8).version for n in range(4)]
    with pytest.raises(StateError, match="no version scores"):
        versions.shadow("d", names[1], by="ann", at=T)
    versions.promote("d", names[0], by="ann", at=T)
    with pytest.raises(StateError, match="it scores already"):
        versions.shadow("d", names[0], by="ann", at=T)
    for name in names[1:]:
        assert versions.shadow("d", name, by="ann", at=T).status == "shadow"
    assert versions.shadow("d", names[3], by="ann", at=T).status == "shadow"
    assert statuses(state) == ["champion", "retired", "shadow", "shadow"]
    assert [one.version for one in versions.due("d")] == [names[0], names[2], names[3]]
    assert [one.version for one in versions.shadows("d")] == names[2:]
    (retired,) = (one for one in audit_log(state) if one.action == "retire")
    assert names[3] in str(retired.detail["reason"])
    versions.promote("d", names[3], by="ann", at=T)
    assert statuses(state) == ["retired", "retired", "shadow", "champion"]


def test_a_version_retires_with_its_reason_unless_it_is_the_champion(state: State) -> None:
    versions, name = Versions(state), register(state, "11111111").version
    versions.promote("d", name, by="ann", at=T)
    with pytest.raises(StateError, match="scores: it is not retired"):
        versions.retire("d", name, by="ann", at=T, reason="no better")
    other = register(state, "22222222").version
    versions.shadow("d", other, by="ann", at=T)
    for _ in range(2):
        assert versions.retire("d", other, by="x", at=T, reason="no better").status == "retired"
    retired = [one for one in audit_log(state) if one.action == "retire"]
    assert [(one.actor, one.detail["reason"]) for one in retired] == [("x", "no better")]


def test_a_promotion_in_place_of_a_champion_that_is_gone_is_refused_and_says_who_was_quicker(
    state: State,
) -> None:
    versions = Versions(state)
    first, second, third = (register(state, str(n) * 8).version for n in range(3))
    seen = versions.promote("d", first, by="ann", at=T)
    assert versions.promote("d", first, by="bob", at=T, instead_of=seen).version == first
    versions.promote("d", second, by="bob", at=T, instead_of=seen)
    for wanted in (second, third):
        with pytest.raises(StateError, match="bob was quicker"):
            versions.promote("d", wanted, by="cat", at=T, instead_of=seen)
    assert statuses(state) == ["retired", "champion", "candidate"]
