"""The closed loop on real parts: a real Elasticsearch node, simulators of Kibana and of splunkd.

No real Kibana and no real Splunk has confirmed it.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest

from scoreback.records import Severity, Verdict, audit_rule_name
from scoreback.service.app import App, opened
from scoreback.service.backtesting.backtest import Wish, backtest
from scoreback.service.comparing.gate_job import run_gate
from scoreback.service.deploying.pausing import pause, resume
from scoreback.service.deploying.promotion import promote
from scoreback.service.labels.harvest import harvest
from scoreback.service.recalling.rollback import roll_back, told, undo
from scoreback.service.recalling.taken_back import LABELLER, TAG, VERDICT
from scoreback.service.settings import Settings
from scoreback.service.state.audits import audits_since
from scoreback.service.state.label_ledger import LabelLedger
from scoreback.service.state.workspace_state import State
from tests.elasticsearch.connection import connected
from tests.integration.alike import END, HOUR, TRAINED, events
from tests.integration.closed_loop import NAME, Loop, on_elasticsearch, on_kibana, on_splunk
from tests.integration.test_while_scoring import named

MINUTE = timedelta(minutes=1)
Opening = Callable[[str, Path], AbstractContextManager[Loop]]


@pytest.fixture(
    params=[
        pytest.param(on_elasticsearch, marks=pytest.mark.server, id="elasticsearch"),
        pytest.param(on_kibana, marks=pytest.mark.server, id="kibana"),
        pytest.param(on_splunk, id="splunk"),
    ]
)
def loop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Loop]:
    url = "" if request.param is on_splunk else request.getfixturevalue("elasticsearch_url")
    with request.param(url, tmp_path / "home") as found:
        yield found


def test_a_shadow_is_promoted_and_a_bad_version_taken_back_with_its_alerts(loop: Loop) -> None:
    app, detector = loop.app, loop.detector
    # Days with a shadow: it is scored, and raises nothing; analysts close what the champion raised.
    closed = 0
    for hours in (8, 16, 24, 32):
        now = TRAINED + hours * HOUR
        new = loop.live(now)
        own = [one for one in new if not one.is_audit]
        assert {one.version for one in own if not one.is_explored} <= {loop.wrong}
        loop.close(own, now + 15 * MINUTE)
        closed += len(own)
    assert closed > 4
    audits = [one for one in loop.alerts() if one.is_audit]
    drawn = {one.event_id for one in audits_since(app.state.database, NAME, TRAINED)}
    assert {one.event_id for one in audits} == drawn != set()
    assert {(one.rule, one.severity) for one in audits} == {(audit_rule_name(NAME), Severity.LOW)}

    # Verdicts are harvested, and the gate decides.
    now = TRAINED + 34 * HOUR
    harvest(app, detector, now=now)
    ledger = LabelLedger(app.state, app.connector.name)
    labels = ledger.labels(NAME, since=TRAINED, as_of=now)
    assert labels.num_rows == closed
    (verdict,) = run_gate(app, detector, now=now)
    assert (verdict.outcome, verdict.version) == ("better", loop.sound)
    assert loop.rule == (loop.sound, False)

    # A pause stops alerts, a resumption brings them back.
    pause(app, detector, by="ann", reason="noise", at=now)
    assert loop.rule == (loop.sound, True)
    assert loop.live(TRAINED + 44 * HOUR) == []
    resume(app, detector, by="ann", reason="", at=TRAINED + 45 * HOUR)
    assert loop.rule == (loop.sound, False)
    assert {one.version for one in loop.live(TRAINED + 58 * HOUR)} == {loop.sound}

    # A bad version is promoted by hand, seen, and taken back.
    now = TRAINED + 59 * HOUR
    promote(app, detector, loop.wrong, by="ann", at=now)
    raised = [one for one in loop.live(TRAINED + 70 * HOUR) if not one.is_audit]
    assert {one.version for one in raised} == {loop.wrong}
    loop.close(raised[:1], TRAINED + 70 * HOUR + 15 * MINUTE)
    now = TRAINED + 71 * HOUR + 30 * MINUTE
    loop.team.until(now)
    done = roll_back(app, detector, by="ann", at=now)
    told(app, detector)
    recalled = {one.alert_id for one in done.choice.alerts}
    assert recalled
    assert recalled <= {one.alert_id for one in raised[1:]}
    assert done.choice.counts["touched"] >= 1
    assert tagged(loop) == recalled
    there = {one.alert_id: one.verdict for one in loop.alerts(loop.wrong)}
    assert {there[name] for name in recalled} == {None}  # closed with --close alone
    assert loop.rule == (loop.sound, False)

    # Undone, it is as before; done again with --close, the alerts are closed, and make no label.
    undo(app, detector, by="ann", at=now + MINUTE)
    assert tagged(loop) == set()
    assert loop.rule == (loop.wrong, False)
    again = roll_back(app, detector, by="ann", at=now + 2 * MINUTE, close=True)
    told(app, detector)
    assert {one.alert_id for one in again.choice.alerts} == tagged(loop) == recalled
    ours = {one.alert_id: one for one in loop.alerts(loop.wrong) if one.alert_id in recalled}
    assert {one.verdict for one in ours.values()} == {VERDICT} == {Verdict.UNDETERMINED}
    loop.team.until(now + HOUR)
    harvest(app, detector, now=now + HOUR)
    labels = ledger.labels(NAME, since=TRAINED, as_of=now + HOUR)
    assert LABELLER not in labels["labeller"].to_pylist()
    assert labels.num_rows == closed + 1


@pytest.mark.server
def test_a_backtest_over_a_node_gives_what_it_gives_over_the_embedded_siem(
    elasticsearch_url: str, home: Path, tmp_path: Path
) -> None:
    wish = Wish(since=TRAINED, until=END)
    local, elsewhere = named("plain"), tmp_path / "elsewhere"
    with opened(Settings(home=home)) as app:
        expected = backtest(app, local, wish, now=END)
    settings = Settings(home=elsewhere, connector="elastic", connection="cluster")
    with (
        connected(elasticsearch_url, "cluster", settle="PT0S") as connector,
        State.open(settings.state) as state,
    ):
        connector.intake.add_events("alerts", events())
        there = {"elastic": dict(connector.intake.selection("alerts"))}
        detector = local.model_copy(update={"events": there})
        found = backtest(App(settings, connector, state), detector, wish, now=END)
    assert sum(day["alerts"] for day in expected["days"]) > 10
    for name in ("events", "units", "days", "versions", "starts", "figures"):
        assert found[name] == expected[name], name


def tagged(loop: Loop) -> set[str]:
    return {one.alert_id for one in loop.alerts() if TAG in one.tags}
