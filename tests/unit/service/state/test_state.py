"""The service's state: migrations, damage, progress and batches."""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from scoreback.errors import StateError
from scoreback.service.state import database, tables
from scoreback.service.state.batches import Batch, Progress
from scoreback.service.state.deployed import is_deployed
from scoreback.service.state.own_closures import own_closures
from scoreback.service.state.runs import end_run, runs, start_run
from scoreback.service.state.workspace_state import State

T = datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
NOW = T + timedelta(minutes=6)
BEFORE = Progress(detector="d", plan_hash="p", watermark=T, score_since=T)
AFTER = Progress(
    detector="d",
    plan_hash="p",
    watermark=T + timedelta(minutes=5),
    score_since=T,
    segments=("a", "b"),
    pending="waiting",
)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path / "state") as opened:
        yield opened


def batch(name: str, detector: str = "d", after: Progress = AFTER) -> Batch:
    return Batch(
        batch_id=name, detector=detector, version="v1-00000000", since=T,
        until=T + timedelta(minutes=5), outbox=f"{name}.arrow", next_progress=after,
    )  # fmt: skip


def migrated(path: Path, revision: str) -> None:
    """Make the file of a state as the migrations up to *revision* do, one by one."""
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def shape(path: Path) -> dict[str, tuple[str, set[str], str]]:
    """What is in a file: the text that made each, its columns and constraints in any order."""
    with closing(sqlite3.connect(path)) as file:
        made = file.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    found = {}
    for name, sql in made:
        head, _, rest = " ".join(sql.split()).partition("(")
        body, _, tail = rest.rpartition(")")
        parts = {part.strip() for part in re.split(r",(?![^(]*\))", body)}
        found[name] = (head.strip(), parts, tail.strip())
    return found


def test_a_new_state_has_what_the_migrations_lead_to(tmp_path: Path) -> None:
    migrated(tmp_path / "migrated.sqlite", "head")
    State.open(tmp_path / "new").close()
    new = shape(tmp_path / "new" / "state.sqlite")
    assert new == shape(tmp_path / "migrated.sqlite")
    assert {"batches", "alembic_version", "ix_versions_champion"} <= new.keys()


def test_migrations_lead_to_the_tables_of_the_code(tmp_path: Path) -> None:
    migrated(tmp_path / "state.sqlite", "head")
    with State.open(tmp_path) as state, state.database.reads() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.METADATA) == []
        assert context.get_current_revision() == database.HEAD


def test_the_head_named_in_the_code_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == database.HEAD


def test_a_state_is_durable_and_its_keys_are_checked(state: State) -> None:
    with state.database.reads() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    with pytest.raises(sa.exc.IntegrityError), state.database.writes() as connection:
        connection.execute(
            sa.insert(tables.promotions).values(
                detector="d", version="v9", kind="promote", at=T, actor="x"
            )
        )


def test_opening_again_keeps_everything(tmp_path: Path) -> None:
    for _ in range(2):
        with State.open(tmp_path) as state:
            state.begin_batch(batch("b"))
            state.mark_sent("b", AFTER, at=NOW, done=True)
    with State.open(tmp_path) as state:
        assert state.progress("d", "p") == AFTER


AGES_AGO = """
    INSERT INTO progress VALUES ('d', 'p', {until}, {since}, '["a", "b"]', 'waiting');
    INSERT INTO batches VALUES ('b', 1, 'd', 'v1-00000000', {since}, {until}, 'done', 'b.arrow',
        NULL);
    INSERT INTO batches VALUES ('c', 2, 'd', 'v1-00000000', {since}, {until}, 'begun', 'c.arrow',
        '{after}');
"""


def test_a_state_of_the_first_revision_keeps_its_rows_and_gets_what_is_new(
    tmp_path: Path,
) -> None:
    migrated(tmp_path / "state.sqlite", "0001")
    after = (
        '{"detector":"d","plan_hash":"p","watermark":"2024-05-01T12:05:00.123456Z",'
        '"score_since":"2024-05-01T12:00:00.123456Z","segments":["a","b"],"pending":"waiting"}'
    )
    since = round(T.timestamp() * 1e6)
    with closing(sqlite3.connect(tmp_path / "state.sqlite")) as file, file:
        file.executescript(AGES_AGO.format(since=since, until=since + 300_000_000, after=after))
    with State.open(tmp_path) as state:
        assert state.progress("d", "p") == state.latest_progress("d") == AFTER
        assert state.open_batches("d") == [batch("c")]
        assert state.last_sent("d") is None
        assert own_closures(state, "siem") == []
        assert not is_deployed(state, "siem", "alert_rule", "d")
        with state.database.reads() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, tables.METADATA) == []
        state.mark_sent("c", AFTER, at=NOW, done=True)
        assert state.open_batches("d") == []


@pytest.mark.parametrize("new", [False, True])
def test_a_new_state_and_an_up_to_date_one_need_no_alembic(tmp_path: Path, *, new: bool) -> None:
    if not new:
        State.open(tmp_path).close()
    code = (
        "import sys, pathlib; from scoreback.service.state.workspace_state import State;"
        "State.open(pathlib.Path(sys.argv[1])).close(); print('alembic' in sys.modules)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "False"


def test_a_state_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    State.open(tmp_path).close()
    file = sqlite3.connect(tmp_path / "state.sqlite")
    file.execute("UPDATE alembic_version SET version_num = '9999'")
    file.commit()
    file.close()
    for _ in range(2):
        with pytest.raises(StateError, match=r"state\.sqlite was written by a newer") as caught:
            State.open(tmp_path)
        assert "upgrade" in caught.value.hint


def test_what_is_no_database_or_damaged_is_refused_by_name(tmp_path: Path) -> None:
    with State.open(tmp_path) as state:
        for i in range(200):
            state.begin_batch(batch(f"b{i}"))
    path = tmp_path / "state.sqlite"
    sound = path.read_bytes()
    for damaged in (b"not a database, " * 500, sound[:100] + b"\xa5" * (len(sound) - 100),
                    sound[: len(sound) // 2], b"\0" * len(sound)):  # fmt: skip
        path.write_bytes(damaged)
        with pytest.raises(StateError, match=r"state\.sqlite is damaged") as caught:
            State.open(tmp_path)
        assert "backup" in caught.value.hint


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    file = sqlite3.connect(tmp_path / "state.sqlite")
    file.execute("CREATE TABLE customers (name TEXT)")
    file.close()
    with pytest.raises(StateError, match="not a database of Scoreback"):
        State.open(tmp_path)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StateError, match="cannot be made"):
        State.open(tmp_path / "file")
    (tmp_path / "state.sqlite").mkdir()
    with pytest.raises(StateError, match="cannot be opened"):
        State.open(tmp_path)


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "50% of ?what #1 ü"
    State.open(folder).close()
    assert (folder / "state.sqlite").exists()


def test_a_finished_batch_leaves_its_progress(state: State) -> None:
    assert state.progress("d", "p") is None
    assert state.latest_progress("d") is None
    state.begin_batch(batch("b"))
    assert state.open_batches("d") == [batch("b")]
    assert state.progress("d", "p") is None
    state.mark_sent("b", AFTER, at=NOW, done=True)
    assert state.open_batches("d") == []
    assert state.progress("d", "p") == AFTER
    assert state.latest_progress("d") == AFTER


def test_open_batches_come_in_the_order_of_their_begin(state: State) -> None:
    for name in ("z", "a", "m"):
        state.begin_batch(batch(name))
    state.begin_batch(batch("other", "e", replace(AFTER, detector="e")))
    state.begin_batch(batch("z"))
    assert [b.batch_id for b in state.open_batches("d")] == ["a", "m", "z"]
    assert [b.batch_id for b in state.open_batches("e")] == ["other"]


def test_progress_is_kept_per_feature_plan(state: State) -> None:
    other = Progress(detector="d", plan_hash="q", watermark=T, score_since=T)
    for name, progress in (("1", AFTER), ("2", other)):
        state.begin_batch(batch(name, after=progress))
        state.mark_sent(name, progress, at=NOW, done=True)
    assert state.progress("d", "p") == AFTER
    assert state.progress("d", "q") == other
    assert state.latest_progress("d") == AFTER
    assert state.latest_progress("e") is None


def test_of_two_plans_that_got_as_far_the_one_that_came_later_is_the_latest(state: State) -> None:
    for turn, plan in enumerate(("p", "q", "p")):
        progress = replace(AFTER, plan_hash=plan)
        state.begin_batch(batch(str(turn), after=progress))
        state.mark_sent(str(turn), progress, at=NOW, done=True)
        assert state.latest_progress("d") == progress


def test_a_batch_that_was_sent_stays_open_until_it_is_known_to_be_there(state: State) -> None:
    assert state.last_sent("d") is None
    state.begin_batch(batch("b"))
    assert state.last_sent("d") is None
    state.mark_sent("b", AFTER, at=NOW)
    assert state.progress("d", "p") == AFTER
    sent = replace(batch("b"), next_progress=None, status="sent", sent_at=NOW)
    assert state.open_batches("d") == [sent]
    later = NOW + timedelta(minutes=1)
    state.send_again("b", later)
    assert state.open_batches("d") == [replace(sent, sent_at=later)]
    state.finish_batch("b")
    assert state.open_batches("d") == []
    state.send_again("b", NOW)  # it is done: nothing changes
    assert state.last_sent("d") == later
    assert state.last_sent("e") is None


def test_a_batch_that_is_not_begun_cannot_be_finished(state: State) -> None:
    state.begin_batch(batch("b"))
    state.mark_sent("b", BEFORE, at=NOW, done=True)
    for name in ("b", "unknown"):
        with pytest.raises(StateError, match="is not begun"):
            state.mark_sent(name, AFTER, at=NOW, done=True)
    assert state.progress("d", "p") == BEFORE


def test_a_batch_of_one_detector_cannot_be_finished_for_another(state: State) -> None:
    state.begin_batch(batch("b"))
    theirs = replace(AFTER, detector="e")
    with pytest.raises(StateError, match="batch b of 'e' is not begun"):
        state.mark_sent("b", theirs, at=NOW)
    assert state.open_batches("d") == [batch("b")]
    assert state.progress("e", "p") is None
    assert state.progress("d", "p") is None
    state.mark_sent("b", AFTER, at=NOW)
    assert state.progress("d", "p") == AFTER


def test_finishing_happens_as_a_whole_or_not_at_all(state: State) -> None:
    state.begin_batch(batch("1"))
    state.mark_sent("1", BEFORE, at=NOW, done=True)
    state.begin_batch(batch("2"))

    def fail(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "INSERT INTO progress" in statement:
            raise KeyboardInterrupt

    sa.event.listen(state.database.engine, "before_cursor_execute", fail)
    with pytest.raises(KeyboardInterrupt):
        state.mark_sent("2", AFTER, at=NOW, done=True)
    sa.event.remove(state.database.engine, "before_cursor_execute", fail)
    assert state.progress("d", "p") == BEFORE
    assert state.open_batches("d") == [batch("2")]
    state.mark_sent("2", AFTER, at=NOW, done=True)
    assert state.progress("d", "p") == AFTER


def test_a_kill_while_finishing_leaves_everything_as_before(tmp_path: Path) -> None:
    with State.open(tmp_path) as state:
        state.begin_batch(batch("b"))
    code = """
import os, pathlib, signal, sys
import sqlalchemy as sa
from scoreback.service.state.workspace_state import State
state = State.open(pathlib.Path(sys.argv[1]))
[doubt] = state.open_batches("d")
sa.event.listen(state.database.engine, "commit", lambda c: os.kill(os.getpid(), signal.SIGKILL))
state.mark_sent(doubt.batch_id, doubt.next_progress, at=doubt.until)
"""
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert killed.returncode == -9
    with State.open(tmp_path) as state:
        assert state.open_batches("d") == [batch("b")]
        assert state.progress("d", "p") is None


def test_a_damaged_value_is_refused_by_name(state: State) -> None:
    state.begin_batch(batch("b"))
    for text in ("{", "[]", '{"detector": "d"}'):
        with state.database.writes() as connection:
            connection.execute(sa.update(tables.batches).values(next_state=text))
        with pytest.raises(StateError, match="batch b in the service's state is damaged"):
            state.open_batches("d")


def test_times_come_back_aware_and_to_the_microsecond(state: State) -> None:
    moment = T.astimezone(timezone(timedelta(hours=-5)))
    progress = Progress(detector="d", plan_hash="p", watermark=moment, score_since=moment)
    state.begin_batch(batch("b", after=progress))
    (begun,) = state.open_batches("d")
    assert begun.next_progress is not None
    assert begun.next_progress.watermark.tzinfo is UTC
    sent = moment + timedelta(seconds=1)
    state.mark_sent("b", begun.next_progress, at=sent)
    assert state.open_batches("d")[0].sent_at == sent
    assert state.last_sent("d") == sent
    found = state.progress("d", "p")
    assert found is not None
    assert found.watermark == moment
    assert found.watermark.tzinfo is UTC
    naive = Progress(detector="d", plan_hash="p", watermark=T.replace(tzinfo=None), score_since=T)
    state.begin_batch(batch("c"))
    with pytest.raises(sa.exc.StatementError, match="no time zone"):
        state.mark_sent("c", naive, at=NOW, done=True)


def test_runs_are_listed_newest_first_and_killed_ones_are_lost(state: State) -> None:
    first = start_run(state, "d", "train", T)
    end_run(state, first, "done", T + timedelta(seconds=9), counts={"read": 10, "alerts": 1})
    start_run(state, "d", "score", T)
    third = start_run(state, "d", "score", T)
    end_run(state, third, "failed", T, error="the SIEM did not answer")
    listed = runs(state, "d")
    assert [run.status for run in listed] == ["failed", "lost", "done"]
    assert listed[2].counts == {"read": 10, "alerts": 1}
    assert listed[0].error == "the SIEM did not answer"
    assert runs(state, "e") == []
    with pytest.raises(StateError, match="not in progress"):
        end_run(state, third, "done", T)


def test_a_full_disk_is_reported_and_loses_nothing(tmp_path: Path) -> None:
    with State.open(tmp_path) as state:
        state.begin_batch(batch("b"))

        def no_more_pages(dbapi: sqlite3.Connection, _record: object) -> None:
            dbapi.execute("PRAGMA max_page_count = 1").close()  # raised to the pages in use

        state.database.engine.dispose()
        sa.event.listen(state.database.engine, "connect", no_more_pages)
        with pytest.raises(StateError, match="the disk is full") as caught:
            _begin_many(state)
        assert "free some disk space" in caught.value.hint
        assert state.open_batches("d")[0] == batch("b")
    with State.open(tmp_path) as state:
        state.begin_batch(batch("c"))


def _begin_many(state: State) -> None:
    for i in range(1000):
        state.begin_batch(batch(f"{i:0100}"))


def test_progress_of_a_version_that_did_not_count_events_is_kept_and_not_guessed(
    tmp_path: Path,
) -> None:
    with State.open(tmp_path / "state") as state:
        state.begin_batch(batch("b1"))
        state.mark_sent("b1", AFTER, at=NOW, done=True)
        with state.database.writes() as connection:
            for column in ("selection", "events"):
                connection.exec_driver_sql(f"ALTER TABLE progress DROP COLUMN {column}")
            connection.exec_driver_sql("ALTER TABLE versions DROP COLUMN trained_because")
            added = (
                "overrides",
                "operating_points",
                "paced_steps",
                "paced_ticks",
                "scored_counts",
                "audits",
                "recalled_alerts",
                "recalls",
                "quarantine_decisions",
                "quarantine_cases",
                "explored",
                "gate_verdicts",
            )
            for later in added:
                connection.exec_driver_sql(f"DROP TABLE {later}")
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0004'")
    with State.open(tmp_path / "state") as state:
        assert state.progress("d", AFTER.plan_hash) == AFTER
        assert AFTER.events is None
        assert state.progress_of_all() == [AFTER]
