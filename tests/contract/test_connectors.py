from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from scoreback.connectors.contract import CHECKS, Subject
from scoreback.connectors.contract.data import START, UsersHand
from scoreback.connectors.doors import Connector
from scoreback.connectors.local import LocalConnector
from scoreback.connectors.registry import connector_names, load_connector
from scoreback.records import EventBatch, LabelBatch
from tests.contract.double import DoubleConnector
from tests.elasticsearch import connection
from tests.splunkd import connection as splunkd


@contextmanager
def local(folder: Path, _: pytest.FixtureRequest) -> Iterator[Subject]:
    connector = LocalConnector.open("contract", {"path": str(folder)})

    def seed(events: EventBatch) -> None:
        connector.intake.add_events("contract", events)

    def judge(verdicts: LabelBatch) -> None:
        connector.intake.add_verdicts(verdicts)

    yield Subject(
        connector=connector,
        seed=seed,
        selection={"stream": "contract"},
        unknown_selection={"stream": "no-such-stream"},
        judge=judge,
        hand=UsersHand(
            switch_off=lambda name: connector.rules.set_enabled(name, enabled=False),
            is_on=connector.rules.enabled,
        ),
    )


@contextmanager
def elastic(_: Path, request: pytest.FixtureRequest) -> Iterator[Subject]:
    url = request.getfixturevalue("elasticsearch_url")
    with connection.connected(url) as connector:
        yield connection.subject(url, connector)


@contextmanager
def splunk(_: Path, __: pytest.FixtureRequest) -> Iterator[Subject]:
    with splunkd.simulated() as simulator, splunkd.connected(simulator) as connector:
        yield splunkd.subject(simulator, connector)


@contextmanager
def double(folder: Path, _: pytest.FixtureRequest) -> Iterator[Subject]:
    connector = DoubleConnector.open("contract", {"path": str(folder)})
    log = connector.log
    log.set_clock(START + timedelta(days=2))

    def seed(events: EventBatch) -> None:
        connector.intake.add_events("contract", events)

    def judge(verdicts: LabelBatch) -> None:
        connector.intake.add_verdicts(verdicts)

    yield Subject(
        connector=connector,
        seed=seed,
        selection={"stream": "contract"},
        unknown_selection={"stream": "no-such-stream"},
        settle=lambda: log.set_clock(log.now + log.delay),
        now=lambda: log.now,
        judge=judge,
    )


Opened = Callable[[Path, pytest.FixtureRequest], AbstractContextManager[Subject]]
SUBJECTS: dict[str, Opened] = {
    "double": double, "elastic": elastic, "local": local, "splunk": splunk,
}  # fmt: skip
SERVERS = {"elastic"}
NAMES = [
    pytest.param(name, marks=[pytest.mark.server] if name in SERVERS else [])
    for name in connector_names()
]
# The double is no connector that anyone could install: it asks of the frame what no comfort hides.
ASKED = [*NAMES, pytest.param("double")]


@pytest.mark.parametrize("name", NAMES)
def test_every_installed_connector_has_a_subject_and_all_the_doors(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    assert name in SUBJECTS, f"say in SUBJECTS how connector {name!r} is tested"
    with SUBJECTS[name](tmp_path, request) as subject:
        assert isinstance(subject.connector, load_connector(name))
        assert isinstance(subject.connector, Connector)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", ASKED)
def test_connector_keeps_the_contract(
    name: str, check: Callable[[Subject], None], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with SUBJECTS[name](tmp_path, request) as subject:
        check(subject)
