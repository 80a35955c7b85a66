"""Settings in an index of Elasticsearch: kept there, edited by hand, found again elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from typer.testing import CliRunner

from scoreback.connectors.doors.settings import SettingsStore
from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.names import Names
from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import Detector
from scoreback.service.app import App
from scoreback.service.cli import app as commands
from scoreback.service.in_force.change import change
from scoreback.service.in_force.detector import in_force
from scoreback.service.in_force.overrides import Overrides
from scoreback.service.in_force.settings_store import NOBODY
from scoreback.service.in_force.settings_sync import sync_settings, tell_settings
from scoreback.service.settings import Settings
from scoreback.service.state.audit import audit_log
from scoreback.service.state.workspace_state import State
from tests.elasticsearch.direct import done, request, sources
from tests.elasticsearch.faults import refuses
from tests.elasticsearch.proxy import Proxy

pytestmark = pytest.mark.server

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FILE = """
name: triage
events: {elastic: {index: logs-x}}
entity: host.name
labels: {verdicts: {join: event}}
features: [number: network.bytes]
alerts: {budget: 20/day}
locked: [alerts.severity]
"""
BUDGET = "triage:alerts.budget"
Opened = Callable[..., App]


class Index:
    """The index of settings, as a person sees and edits it in Dev Tools."""

    def __init__(self, connector: ElasticConnector) -> None:
        self.url = connector.given.hosts[0]
        self.name = Names(connector.given.namespace).settings

    def documents(self) -> dict[str, dict[str, Any]]:
        return {hit["_id"]: hit["_source"] for hit in sources(self.url, self.name)}

    def put(self, name: str, **document: object) -> None:
        path = f"/{self.name}/_doc/{quote(name, safe=':')}?refresh=true"
        done(self.url, "PUT", path, document)

    def edit(self, name: str, **fields: object) -> None:
        path = f"/{self.name}/_update/{quote(name, safe=':')}?refresh=true"
        done(self.url, "POST", path, {"doc": fields})

    def delete(self, name: str) -> None:
        done(self.url, "DELETE", f"/{self.name}/_doc/{quote(name, safe=':')}?refresh=true")

    def writes(self) -> int:
        """A number that grows with each write."""
        stats = done(self.url, "GET", f"/{self.name}/_stats/indexing")
        found = stats["_all"]["primaries"]["indexing"]
        return int(found["index_total"]) + int(found["delete_total"])


@pytest.fixture
def index(applied: ElasticConnector) -> Index:
    found = Index(applied)
    request(found.url, "DELETE", f"/{found.name}")
    (wanted,) = [one for one in applied.resources.wanted() if one.name == found.name]
    applied.resources.apply(wanted)
    return found


@pytest.fixture
def workspace(
    applied: ElasticConnector,
    index: Index,  # noqa: ARG001 - made before
    tmp_path: Path,
) -> Iterator[Opened]:
    with ExitStack() as open_ones:
        made: dict[str, App] = {}

        def opened(name: str, connector: ElasticConnector = applied) -> App:
            if name not in made:
                state = open_ones.enter_context(State.open(tmp_path / name))
                settings = Settings(home=tmp_path / name, connector="elastic")
                made[name] = App(settings, connector, state)
            return made[name]

        yield opened


@pytest.fixture
def app(workspace: Opened) -> App:
    return workspace("here")


@pytest.fixture
def detector() -> Detector:
    return parse_detector(FILE, "triage.yml")


def put(app: App, detector: Detector, key: str, value: str | None, minute: int = 0) -> None:
    """What `scoreback settings` does."""
    now = T + minute * MINUTE
    sync_settings(app, now=now)
    at = Overrides(app.state).next_time(detector.name, key, now)
    change(app, detector, key, value, author="ann", reason="quiet week", at=at)
    sync_settings(app, now=now)
    tell_settings(app, detector.name, in_force(app.state, detector))


def sync(app: App, minute: int = 0) -> tuple[int, list[str]]:
    said: list[str] = []
    return sync_settings(app, now=T + minute * MINUTE, warn=said.append), said


def budget(app: App, detector: Detector) -> float:
    return in_force(app.state, detector).detector.alerts.budget


def changes(app: App) -> list[tuple[str, str, object]]:
    """The audit log's overrides, oldest first: who, when, what."""
    return [
        (entry.actor, f"{entry.at:%d %H:%M}", entry.detail["value"])
        for entry in reversed(audit_log(app.state))
    ]


def test_what_a_command_sets_stands_in_the_index_for_people_to_read(
    app: App, detector: Detector, index: Index
) -> None:
    assert isinstance(app.connector.settings, SettingsStore)
    put(app, detector, "alerts.budget", "40/day")
    (document,) = index.documents().values()
    readable = {key: value for key, value in document.items() if key != "noted"}
    assert readable == {
        "detector": "triage", "key": "alerts.budget", "value": "40/day", "author": "ann",
        "at": "2026-03-01T12:00:00.000000Z", "reason": "quiet week", "stands": "in force",
    }  # fmt: skip
    put(app, detector, "alerts.budget", None, minute=1)
    document = index.documents()[BUDGET]
    assert (document["value"], document["stands"]) == (None, "the file's own value")
    assert (document["author"], document["at"]) == ("ann", "2026-03-01T12:01:00.000000Z")


def test_nothing_is_written_and_nothing_is_new_while_nobody_changes_anything(
    app: App, detector: Detector, index: Index
) -> None:
    put(app, detector, "alerts.budget", "40/day")
    index.put("by-hand", detector="triage", key="alerts.throttle", value="2h")
    index.put("nonsense", detector="triage", key="no.such", value="2h")
    sync(app, 1)
    audit, writes = changes(app), index.writes()
    for minute in range(2, 6):
        assert sync(app, minute) == (0, [])
    assert (changes(app), index.writes()) == (audit, writes)


def test_another_machine_picks_the_overrides_up_with_their_authors_and_times(
    workspace: Opened, detector: Detector
) -> None:
    here, there = workspace("here"), workspace("there")
    put(here, detector, "alerts.budget", "40/day")
    put(here, detector, "alerts.throttle", "2h", minute=1)
    put(here, detector, "alerts.throttle", None, minute=2)
    assert sync(there, 60)[0] == 2
    assert budget(there, detector) == 40
    assert [one.key for one in in_force(there.state, detector).overrides] == ["alerts.budget"]
    assert changes(there) == [("ann", "01 12:00", "40/day"), ("ann", "01 12:02", None)]


def test_a_value_changed_by_hand_counts_from_when_it_is_seen_and_by_nobody_known(
    app: App, detector: Detector, index: Index
) -> None:
    put(app, detector, "alerts.budget", "40/day")
    index.edit(BUDGET, value="50/day")
    assert sync(app, 5) == (1, [])
    assert budget(app, detector) == 50
    assert changes(app)[1:] == [(NOBODY, "01 12:05", "50/day")]
    document = index.documents()[BUDGET]
    assert (document["author"], document["at"]) == (NOBODY, "2026-03-01T12:05:00.000000Z")
    assert document["reason"] == ""  # ann's was about another value
    index.edit(BUDGET, value="60/day", author="lead", reason="busy")
    assert sync(app, 6)[0] == 1
    assert changes(app)[2:] == [("lead", "01 12:06", "60/day")]


def test_a_document_added_by_hand_becomes_the_one_of_its_key(
    app: App, detector: Detector, index: Index
) -> None:
    index.put("any-name", detector="triage", key="alerts.per_entity", value="5/day", author="lead",
              at="2026-03-01T13:00:00+02:00")  # fmt: skip
    index.put("b", detector="triage", key="enabled", value=False)
    assert sync(app, 5) == (2, [])
    assert changes(app) == [("lead", "01 11:00", "5/day"), (NOBODY, "01 12:05", "false")]
    assert sorted(index.documents()) == ["triage:alerts.per_entity", "triage:enabled"]
    now = in_force(app.state, detector)
    assert (now.detector.alerts.per_entity, now.detector.enabled) == (5, False)
    assert sync(app, 6) == (0, [])


@pytest.mark.parametrize(
    ("key", "value", "held"),
    [
        ("gate.approval", "automatic", lambda one: one.gate.approval == "automatic"),
        ("gate.min_verdicts", "80", lambda one: one.gate.min_verdicts == 80),
        ("alerts.audit", "2/day", lambda one: one.alerts.audit == 2),
        ("labels.flood", "500", lambda one: one.labels.flood == 500),
        ("train.when.drift", "0.3", lambda one: one.train.when and one.train.when.drift == 0.3),
    ],
)
def test_what_the_closed_loop_goes_by_can_be_set_by_hand(
    app: App,
    detector: Detector,
    index: Index,
    key: str,
    value: str,
    held: Callable[[Detector], bool],
) -> None:
    index.put("by-hand", detector="triage", key=key, value=value, author="lead")
    assert sync(app, 5) == (1, [])
    now = in_force(app.state, detector)
    assert held(now.detector)
    tell_settings(app, "triage", now)
    assert index.documents()[f"triage:{key}"]["stands"] == "in force"
    index.delete(f"triage:{key}")
    assert sync(app, 6)[0] == 1
    assert in_force(app.state, detector).detector == detector


def test_a_document_added_beside_the_one_of_its_key_replaces_it(
    app: App, detector: Detector, index: Index
) -> None:
    put(app, detector, "alerts.budget", "40/day")
    index.put("later", detector="triage", key="alerts.budget", value="45/day", author="bo")
    assert sync(app, 5)[0] == 1
    assert budget(app, detector) == 45
    assert list(index.documents()) == [BUDGET]
    put(app, detector, "alerts.budget", "30/day", minute=6)
    assert [who for who, _, _ in changes(app)] == ["ann", "bo", "ann"]


@pytest.mark.parametrize(
    ("at", "counts_as"),
    [
        (None, "01 12:05"),
        ("2031-01-01T00:00:00Z", "01 12:05"),  # it would win over every later change
        ("yesterday", "01 12:05"),
        ("2025-01-01", "01 12:05"),  # before what stands: it would lose
        (1772366580000, "01 12:03"),  # as a date field takes it, too
        ("2026-03-01T12:04:00", "01 12:04"),
    ],
)
def test_a_time_written_by_hand_counts_only_between_the_last_change_and_now(
    at: object, counts_as: str, app: App, detector: Detector, index: Index
) -> None:
    put(app, detector, "alerts.budget", "40/day", minute=1)
    index.put("new", detector="triage", key="alerts.budget", value="50/day", at=at)
    assert sync(app, 5)[0] == 1
    assert budget(app, detector) == 50
    assert changes(app)[1][1] == counts_as
    put(app, detector, "alerts.budget", "30/day", minute=6)
    assert budget(app, detector) == 30


def test_a_document_removed_by_hand_gives_the_file_its_own_value_again(
    app: App, detector: Detector, index: Index
) -> None:
    put(app, detector, "alerts.budget", "40/day")
    index.delete(BUDGET)
    assert sync(app, 5) == (1, [])
    assert budget(app, detector) == 20
    assert changes(app)[1:] == [(NOBODY, "01 12:05", None)]
    assert sync(app, 6) == (0, [])
    assert index.documents() == {}
    put(app, detector, "alerts.budget", "40/day", minute=7)
    assert budget(app, detector) == 40
    assert list(index.documents()) == [BUDGET]


def test_an_index_that_was_lost_is_filled_again_and_removes_nothing(
    app: App, detector: Detector, index: Index, applied: ElasticConnector
) -> None:
    put(app, detector, "alerts.budget", "40/day")
    done(index.url, "DELETE", f"/{index.name}")
    assert sync(app, 1) == (0, [])
    (wanted,) = [one for one in applied.resources.wanted() if one.name == index.name]
    applied.resources.apply(wanted)
    assert sync(app, 2) == (0, [])
    assert budget(app, detector) == 40
    assert index.documents()[BUDGET]["author"] == "ann"


def test_what_is_locked_or_impossible_is_told_in_the_index_and_not_taken_as_new_again(
    app: App, detector: Detector, index: Index
) -> None:
    index.put("a", detector="triage", key="alerts.severity", value="critical", author="bo")
    index.put("b", detector="triage", key="alerts.budget", value="a lot", author="bo")
    assert sync(app, 1)[0] == 2
    now = in_force(app.state, detector)
    assert now.detector == detector
    assert len(now.refused) == 2
    tell_settings(app, "triage", now)
    documents = index.documents()
    severity = documents["triage:alerts.severity"]["stands"]
    assert severity.startswith("refused: alerts.severity is locked")
    assert "'a lot' is not a number a day" in documents[BUDGET]["stands"]
    assert sync(app, 2) == (0, [])


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"detector": "triage", "key": "alerts.budgett", "value": "1/day"}, "not a key that"),
        ({"detector": "triage", "key": "features", "value": "[]"}, "not a key that"),
        ({"key": "alerts.budget", "value": "1/day"}, "no detector"),
        ({"detector": "triage", "value": "1/day"}, "no key"),
        ({"detector": "../_all", "key": "alerts.budget", "value": "1/day"}, "not the name"),
        ({"detector": "triage", "key": "alerts.budget"}, "no value"),
        ({"detector": "triage", "key": "alerts.budget", "value": "1" * 2000}, "longer than"),
        ({"detector": "triage", "key": "alerts.budget", "value": ["1/day", "2/day"]}, "not text"),
        ({"note": "hello"}, "no detector"),
    ],
)
def test_what_is_not_a_setting_is_told_once_and_changes_nothing(
    document: dict[str, object], why: str, app: App, index: Index
) -> None:
    index.put("odd/../name", **document)
    new, said = sync(app, 1)
    assert new == 0
    assert len(said) == 1
    assert why in said[0]
    assert why in index.documents()["odd/../name"]["stands"]
    assert sync(app, 2) == (0, [])
    assert changes(app) == []


def test_a_refused_document_that_is_corrected_counts(
    app: App, detector: Detector, index: Index
) -> None:
    index.put("x", detector="triage", key="alerts.budgett", value="50/day")
    sync(app, 1)
    index.edit("x", key="alerts.budget")
    assert sync(app, 2) == (1, [])
    assert budget(app, detector) == 50
    assert list(index.documents()) == [BUDGET]


def test_characters_that_a_terminal_would_act_on_do_not_reach_it(
    app: App, detector: Detector, index: Index
) -> None:
    index.put("x", detector="triage", key="alerts.budget", value="50/day", author="a\x1b[2Jb\n")
    sync(app, 1)
    assert changes(app) == [("a [2Jb", "01 12:01", "50/day")]
    assert budget(app, detector) == 50


def test_two_services_agree_on_the_latest_and_neither_echoes_the_other(
    workspace: Opened, detector: Detector, index: Index
) -> None:
    here, there = workspace("here"), workspace("there")
    put(here, detector, "alerts.budget", "40/day")
    put(there, detector, "alerts.budget", "30/day", minute=1)
    index.edit(BUDGET, value="25/day")
    sync(there, 3)
    sync(here, 4)
    assert budget(here, detector) == budget(there, detector) == 25
    assert changes(here)[-1] == changes(there)[-1] == (NOBODY, "01 12:03", "25/day")
    writes = index.writes()
    for minute in range(5, 8):
        assert sync(here, minute)[0] == sync(there, minute)[0] == 0
        for app in (here, there):
            tell_settings(app, "triage", in_force(app.state, detector))
    assert index.writes() <= writes + 1  # "in force" was not said of it yet


def test_of_two_services_that_see_a_hand_edit_at_once_one_dates_it(
    workspace: Opened, detector: Detector, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = workspace("here"), workspace("there")
    put(here, detector, "alerts.budget", "40/day")
    sync(there)
    index.edit(BUDGET, value="50/day")
    store = here.connector.settings
    assert isinstance(store, SettingsStore)
    read = store.entries

    def slow() -> object:
        found = read()
        monkeypatch.undo()
        sync(there, 7)  # after the one has read, and before it writes
        return found

    monkeypatch.setattr(store, "entries", slow)
    assert sync(here, 8) == (1, [])
    assert changes(here)[1:] == changes(there)[1:] == [(NOBODY, "01 12:07", "50/day")]


def test_a_clock_that_is_ahead_does_not_keep_its_value_in_force(
    workspace: Opened, detector: Detector
) -> None:
    here, ahead = workspace("here"), workspace("ahead")
    put(ahead, detector, "alerts.budget", "40/day", minute=600)
    put(here, detector, "alerts.budget", "30/day", minute=1)
    assert budget(here, detector) == 30
    sync(ahead, 601)
    assert budget(ahead, detector) == 30


def test_a_change_made_while_the_cluster_is_away_gets_there_later(
    workspace: Opened, detector: Detector, index: Index, elastic: ElasticConnector,
    elasticsearch_proxy: Proxy,
) -> None:  # fmt: skip
    app = workspace("away", elastic)
    put(app, detector, "alerts.budget", "40/day")
    elasticsearch_proxy.add(refuses(503), path="settings", times=None)
    said: list[str] = []
    assert sync_settings(app, now=T, warn=said.append) == 0
    assert "could not be read" in said[0]
    put(app, detector, "alerts.budget", "45/day", minute=1)
    assert budget(app, detector) == 45
    elasticsearch_proxy.clear()
    index.delete(BUDGET)  # of 40: nobody has seen 45 there
    sync(app, 2)
    assert budget(app, detector) == 45
    assert index.documents()[BUDGET]["value"] == "45/day"


def test_a_key_that_may_not_write_still_takes_over_what_people_write_once(
    workspace: Opened, detector: Detector, index: Index, elastic: ElasticConnector,
    elasticsearch_proxy: Proxy,
) -> None:  # fmt: skip
    app = workspace("reader", elastic)
    for method in ("PUT", "POST", "DELETE"):
        path = "settings.*/(_doc|_update)/"
        elasticsearch_proxy.add(refuses(403), method=method, path=path, times=None)
    index.put("x", detector="triage", key="alerts.budget", value="50/day", author="bo")
    index.put("y", detector="triage", key="nope", value="50/day", author="bo")
    new, said = sync(app, 1)
    assert new == 1
    assert any("not written" in line for line in said)
    assert budget(app, detector) == 50
    at = T + 2 * MINUTE
    change(app, detector, "alerts.budget", "30/day", author="ann", reason="", at=at)
    assert sync(app, 3)[0] == 0
    assert budget(app, detector) == 30
    index.edit("x", value="60/day")
    assert sync(app, 4)[0] == 1
    assert budget(app, detector) == 60


def test_a_store_that_cannot_be_read_never_stops_scoring(
    workspace: Opened, elastic: ElasticConnector, elasticsearch_proxy: Proxy
) -> None:
    app = workspace("refused", elastic)
    elasticsearch_proxy.add(refuses(403), path="settings", times=None)
    new, said = sync(app)
    assert new == 0
    assert "could not be read" in said[0]


def test_the_commands_keep_settings_in_the_index_and_list_what_stands_there(
    index: Index, applied: ElasticConnector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "triage.yml").write_text(FILE)

    def command(home: str, *words: str) -> str:
        folder = tmp_path / home / "connections"
        folder.mkdir(parents=True, exist_ok=True)
        settings = f"hosts: [{index.url}]\nnamespace: {applied.given.namespace}\n"
        (folder / "prod.yml").write_text(f"connector: elastic\n{settings}")
        monkeypatch.setenv("SCOREBACK_CONNECTION", "prod")
        head, *rest = words
        given = ["settings", head, str(tmp_path / "triage.yml"), *rest, "--home"]
        result = CliRunner().invoke(commands, [*given, str(tmp_path / home)])
        if result.exception is not None:
            raise result.exception
        return result.output

    command("one", "set", "alerts.budget", "40/day", "--reason", "quiet week")
    document = index.documents()[BUDGET]
    assert (document["value"], document["stands"]) == ("40/day", "in force")
    assert "quiet week" in command("two", "list")
    command("two", "remove", "alerts.budget")
    assert index.documents()[BUDGET]["stands"] == "the file's own value"
    assert "quiet week" not in command("one", "list")
