"""A connection of ours to a simulator, and what the contract's checks need of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scoreback.connectors.contract import Subject
from scoreback.connectors.contract.data import START, UsersHand
from scoreback.connectors.splunk import SplunkConnector
from scoreback.connectors.splunk.labels.verdicts import Verdicts
from scoreback.connectors.splunk.rules.spl import search_name
from scoreback.connectors.splunk.wire.kvstore import KvStore
from scoreback.records import EVENT_COLUMNS, EventBatch, LabelBatch
from tests.splunkd.serving import Certificate, running
from tests.splunkd.simulator import HEC_TOKEN, Options, Simulator

APP = Path(__file__).parents[2] / "packaging" / "splunk" / "package"
USER, PASSWORD = "admin", "changed!"
DELAY = 90.0  # seconds until an event can be searched
SETTLE = timedelta(minutes=2)
ROUND = timedelta(minutes=5)  # in which each rule is due once
STREAM = "contract"
SELECTION = {"search": f"index={STREAM} sourcetype={STREAM}", "id": ["event_id"]}
NOW = START + 2 * timedelta(days=1)  # where the clock of a simulator stands


@contextmanager
def simulated(
    *,
    now: datetime | None = NOW,
    delay: float = DELAY,
    apps: tuple[Path, ...] = (APP,),
    certificate: Certificate | None = None,
) -> Iterator[Simulator]:
    """A simulator whose clock stands, and that shows events after a while."""
    at = None if now is None else now.timestamp()
    with running(Options(apps=apps, now=at, event_delay=delay), certificate=certificate) as found:
        yield found


@contextmanager
def connected(
    simulator: Simulator,
    name: str = "contract",
    *,
    sleep: Callable[[float], None] | None = None,
    **settings: object,
) -> Iterator[SplunkConnector]:
    """A connector that waits by the simulator's clock; *settings* that are None are left out."""
    given = {
        "url": simulator.url,
        "hec_url": simulator.hec_url,
        "user": USER,
        "password": PASSWORD,
        "hec_token": HEC_TOKEN,
        "settle": SETTLE,
        **settings,
    }

    def wait(seconds: float) -> None:
        simulator.clock.advance(seconds)

    whole = {key: value for key, value in given.items() if value is not None}
    connector = SplunkConnector.open(name, whole, sleep=sleep or wait)
    try:
        yield connector
    finally:
        connector.close_connection()


def seed(simulator: Simulator, events: EventBatch, stream: str = STREAM) -> None:
    """Index *events* as JSON, at the seconds when they arrived."""
    names = [n for n in events.batch.schema.names if n not in EVENT_COLUMNS.names]
    simulator.add_events(
        {
            "index": stream,
            "sourcetype": stream,
            "time": row["event_time"].timestamp(),
            "indextime": row["arrival_time"].timestamp(),
            "raw": {"event_id": row["event_id"]}
            | {name: row[name] for name in names if row[name] is not None},
        }
        for row in events.batch.to_pylist()
    )


def subject(simulator: Simulator, connector: SplunkConnector) -> Subject:
    """*connector* for the contract's checks."""
    simulator.add_index(STREAM)
    verdicts = Verdicts(KvStore(connector.client))

    def judge(batch: LabelBatch) -> None:
        verdicts.add(batch)

    return Subject(
        connector=connector,
        seed=lambda events: seed(simulator, events),
        selection=SELECTION,
        unknown_selection={"search": "index=no_such_index"},
        settle=lambda: settle(simulator),
        now=lambda: datetime.fromtimestamp(simulator.clock.now(), UTC),
        judge=judge,
        hand=UsersHand(
            switch_off=lambda name: by_hand(connector, name, disabled="1"),
            is_on=lambda name: saved_search(connector, name)["disabled"] in (False, "0"),
            edit=lambda name: by_hand(connector, name, search="index=main"),
        ),
    )


def saved_search(connector: SplunkConnector, rule: str) -> dict[str, Any]:
    """The saved search of the rule called so."""
    path = connector.client.own("saved/searches", search_name(rule))
    found: dict[str, Any] = connector.client.call("GET", path)["entry"][0]["content"]
    return found


def by_hand(connector: SplunkConnector, rule: str, **keys: str) -> None:
    """Somebody changes the saved search of the rule called so."""
    path = connector.client.own("saved/searches", search_name(rule))
    connector.client.call("POST", path, form=keys)


def settle(simulator: Simulator) -> None:
    """Let the time pass until all that was written can be searched, and every rule has run."""
    simulator.run_until(simulator.clock.now() + ROUND.total_seconds())
