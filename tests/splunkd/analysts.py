"""The company's analysts at Enterprise Security: each logs in and gives findings a disposition."""

from collections.abc import Collection
from datetime import datetime

import splunklib.client
import splunklib.results

from scoreback.records import Alert, Verdict
from scoreback.service.demo.analysts import Closing
from scoreback.service.demo.stage import Meant
from tests.splunkd.simulator import Simulator

PASSWORD = "of the company"  # noqa: S105 - of users of a simulator
CLOSED = "5"  # a status, as Enterprise Security brings it along
DISPOSITIONS = {
    Verdict.TRUE_POSITIVE: "disposition:1",
    Verdict.BENIGN_POSITIVE: "disposition:2",
    Verdict.FALSE_POSITIVE: "disposition:3",
    Verdict.UNDETERMINED: "disposition:6",
}


class Team:
    """A stage of the demo: its clock is the simulator's, and findings are closed in their time."""

    def __init__(self, simulator: Simulator) -> None:
        """Nobody has logged in yet."""
        self._simulator = simulator
        self._sessions: dict[str, splunklib.client.Service] = {}
        self._meant = Meant()
        self.closed = 0

    def until(self, at: datetime) -> None:
        """Let scheduled searches run until *at*, and analysts close what they meant to by then."""
        for alert, closing in self._meant.due(at):
            self._pass(closing.label_time)
            self._judge(alert, closing)
        self._pass(at)

    def close(self, alert: Alert, closing: Closing) -> None:
        """Close *alert* when its analyst comes to it."""
        self._meant.add(alert, closing)

    def leave(self, alert_ids: Collection[str]) -> None:
        """Nobody comes to these any more."""
        self._meant.leave(alert_ids)

    def _pass(self, at: datetime) -> None:
        self._simulator.run_until(at.timestamp())

    def _judge(self, alert: Alert, closing: Closing) -> None:
        service = self._session(closing.labeller)
        answer = service.jobs.oneshot(
            f'search index=notable scoreback_alert_id="{alert.alert_id}" | table event_id',
            earliest_time="0", output_mode="json",
        )  # fmt: skip
        (finding,) = [
            row["event_id"] for row in splunklib.results.JSONResultsReader(answer)
            if isinstance(row, dict)
        ]  # fmt: skip
        service.post(
            "/services/notable_update",
            ruleUIDs=finding,
            status=CLOSED,
            disposition=DISPOSITIONS[closing.verdict],
        )
        self.closed += 1

    def _session(self, name: str) -> splunklib.client.Service:
        if name not in self._sessions:
            self._simulator.add_user(name, PASSWORD, ["admin"])
            self._sessions[name] = splunklib.client.connect(
                host="127.0.0.1", port=int(self._simulator.url.rsplit(":", 1)[1]),
                scheme=self._simulator.url.split(":", 1)[0], username=name, password=PASSWORD,
                autologin=True,
            )  # fmt: skip
        return self._sessions[name]
