"""The company's analysts at Kibana: each closes alerts with a reason, in their own name."""

from collections.abc import Collection
from datetime import datetime

import requests
from requests.auth import HTTPBasicAuth

from scoreback.records import Alert
from scoreback.service.demo.analysts import Closing
from scoreback.service.demo.stage import Meant
from tests.kibana.company import REASONS
from tests.kibana.runner.scheduling import run_until
from tests.kibana.simulator import Simulator

PASSWORD = "of the company"  # noqa: S105 - of users of a simulator


class Team:
    """A stage of the demo: its clock is the simulator's, and alerts are closed in their time."""

    def __init__(self, simulator: Simulator) -> None:
        """Nobody has logged in yet."""
        self._simulator = simulator
        self._sessions: dict[str, requests.Session] = {}
        self._meant = Meant()
        self.closed = 0

    def until(self, at: datetime) -> None:
        """Let rules run until *at*, and analysts close what they meant to by then."""
        # The clock leaps over the second after which the node shows what was written.
        self._simulator.cluster.asked("POST", "/scoreback.*/_refresh")
        for alert, closing in self._meant.due(at):
            run_until(self._simulator, closing.label_time.timestamp())
            self._judge(alert, closing)
        run_until(self._simulator, at.timestamp())

    def close(self, alert: Alert, closing: Closing) -> None:
        """Close *alert* when its analyst comes to it."""
        self._meant.add(alert, closing)

    def leave(self, alert_ids: Collection[str]) -> None:
        """Nobody comes to these any more."""
        self._meant.leave(alert_ids)

    def _judge(self, alert: Alert, closing: Closing) -> None:
        space = f"{self._simulator.url}/s/{self._simulator.home}"
        answer = self._session(closing.labeller).post(
            f"{space}/api/detection_engine/signals/status",
            json={
                "signal_ids": [alert.alert_id],
                "status": "closed",
                "reason": REASONS[closing.verdict],
            },
            timeout=60,
        )
        answer.raise_for_status()
        if answer.json()["updated"] != 1:
            raise RuntimeError(f"Kibana's simulator did not close {alert.alert_id}: {answer.text}")
        self.closed += 1

    def _session(self, name: str) -> requests.Session:
        if name not in self._sessions:
            features = tuple(f"feature_{one}.all" for one in self._simulator.version.features)
            self._simulator.accounts.add_user(name, PASSWORD, features)
            session = requests.Session()
            session.auth = HTTPBasicAuth(name.encode(), PASSWORD.encode())
            session.headers.update({"kbn-xsrf": "true", "simulated-session": name})  # a browser's
            self._sessions[name] = session
        return self._sessions[name]
