"""Receives and stores an analyst's verdict on an alert, an event or an entity.

Splunk runs it for ``POST /services/scoreback/verdict``. It writes with Splunk's own permissions, so
analysts need none on the collections, and nobody can write in another person's name: the author is
the user of the session. Python 3.9 and 3.13.
"""

from __future__ import annotations

import hashlib
import json
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from scoreback_splunkd import Collection, Document, Splunkd, SplunkdError
from splunk.persistconn.application import PersistentServerConnectionApplication

VERDICTS = ("true_positive", "benign_positive", "false_positive", "undetermined")
REOPEN = "reopen"
_TICK = 0.000_001  # seconds
_COMMENT = 1000  # characters


class Refused(Exception):
    """The request cannot be carried out; ``status`` is the HTTP status that says so."""

    def __init__(self, message: str, status: int = 400) -> None:
        """Say *message*."""
        super().__init__(message)
        self.status = status


class VerdictHandler(PersistentServerConnectionApplication):
    """The endpoint, in the form that Splunk starts."""

    def __init__(self, command_line: object = None, command_arg: object = None) -> None:  # noqa: ARG002
        """Accept Splunk's start arguments, none of which are needed."""
        super().__init__()

    def handle(self, in_string: str) -> dict[str, Any]:
        """Answer one request, which is JSON text."""
        request = json.loads(in_string)
        try:
            told = answer(request, time.time())
        except Refused as error:
            return _response({"error": str(error)}, error.status)
        except SplunkdError as error:
            return _response({"error": str(error)}, 503)
        return _response(told, 200)


def answer(request: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Store the verdict of *request*; returns what was recorded.

    Raises:
        Refused: the request is not a valid verdict, or has no subject.
        SplunkdError: the KV store did not accept it.
    """
    if request.get("method") != "POST":
        raise Refused("send the verdict by POST", 405)
    said = _fields(request)
    labeller = (request.get("session") or {}).get("user", "")
    if not labeller:
        raise Refused("nobody is logged in", 401)
    verdict = said.get("verdict", "")
    if verdict not in (*VERDICTS, REOPEN):
        raise Refused(
            "verdict is {!r}; it must be one of {}".format(verdict, ", ".join((*VERDICTS, REOPEN)))
        )
    splunkd = Splunkd(request["server"]["rest_uri"], request["system_authtoken"])
    desk = Desk(splunkd, labeller, said.get("comment", "")[:_COMMENT], now)
    if said.get("alert_id"):
        alerts = [desk.alert(said["alert_id"])]
    elif said.get("event_id"):
        alerts = desk.opened_by(said["event_id"], said.get("detector", ""))
    else:
        alerts = []
    if verdict == REOPEN:
        if not alerts:
            raise Refused("only an alert can be reopened; name it with alert_id")
        return {"withdrawn": sum(desk.reopen(alert) for alert in alerts), "alerts": _names(alerts)}
    if alerts:
        return {
            "recorded": sum(desk.close(alert, verdict) for alert in alerts),
            "alerts": _names(alerts),
        }
    desk.say(_subject(said, now), verdict)
    return {"recorded": 1, "alerts": []}


class Desk:
    """One analyst at one moment."""

    def __init__(self, splunkd: Splunkd, labeller: str, comment: str, now: float) -> None:
        """Write verdicts as *labeller* at *now*, epoch seconds."""
        self._alerts = Collection(splunkd, "scoreback_alerts")
        self._verdicts = Collection(splunkd, "scoreback_verdicts")
        self._labeller, self._comment, self._now = labeller, comment, now

    def alert(self, alert_id: str) -> Document:
        """The alert with this id.

        Raises:
            Refused: there is no such alert.
        """
        found = self._alerts.get(alert_id)
        if found is None:
            raise Refused(f"there is no alert {alert_id!r}", 404)
        return found

    def opened_by(self, event_id: str, detector: str) -> list[Document]:
        """The alerts that the event opened, only of *detector* if one is given."""
        query = {"event_id": event_id}
        if detector:
            query["detector"] = detector
        return list(self._alerts.find(query))

    def close(self, alert: Document, verdict: str) -> int:
        """Close *alert* with *verdict*; returns 1, or 0 if that is its verdict already."""
        if self._now < float(alert["event_time"]):
            raise Refused("the event of alert {} is later than now".format(alert["alert_id"]))
        history = self._history(alert)
        last = history[-1] if history else None
        if (
            last
            and not last.get("withdrawn")
            and (last["verdict"], last["labeller"]) == (verdict, self._labeller)
        ):
            return 0
        at = self._after(history)
        self._add({**_of(alert), "verdict": verdict, "label_time": at, "withdrawn": False})
        closed = {
            "status": "closed",
            "verdict": verdict,
            "closed_at": at,
            "labeller": self._labeller,
        }
        self._alerts.replace(alert["_key"], {**alert, **closed, "touched": True})
        return 1

    def reopen(self, alert: Document) -> int:
        """Reopen *alert* and withdraw its verdicts; returns how many there were."""
        history = self._history(alert)
        at = self._after(history)
        stands = _standing(history)
        for row in stands:
            self._add({**row, "label_time": at, "withdrawn": True}, labeller=row["labeller"])
        opened = {"status": "open", "verdict": None, "closed_at": None, "labeller": None}
        self._alerts.replace(alert["_key"], {**alert, **opened, "touched": True})
        return len(stands)

    def say(self, subject: Document, verdict: str) -> None:
        """Store *verdict* on a subject without an alert."""
        self._add({**subject, "verdict": verdict, "label_time": self._now, "withdrawn": False})

    def _history(self, alert: Document) -> list[Document]:
        return list(self._verdicts.find({"alert_id": alert["alert_id"]}, sort="label_time,_key"))

    def _after(self, history: Sequence[Document]) -> float:
        """Now, or just after the last verdict if the clock was set back."""
        return max([self._now, *(float(row["label_time"]) + _TICK for row in history)])

    def _add(self, row: Document, labeller: str | None = None) -> None:
        row = {key: value for key, value in row.items() if not key.startswith("_")}
        row.update(labeller=labeller or self._labeller, source="verdict", comment=self._comment)
        key = hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()
        self._verdicts.save([{**row, "_key": key}])


def _standing(history: Sequence[Document]) -> list[Document]:
    """Those of *history* that were not withdrawn."""
    ended = {
        (row["verdict"], row["labeller"]): float(row["label_time"])
        for row in history
        if row.get("withdrawn")
    }
    return [
        row
        for row in history
        if not row.get("withdrawn")
        and float(row["label_time"]) > ended.get((row["verdict"], row["labeller"]), 0.0)
    ]


def _of(alert: Document) -> Document:
    return {name: alert.get(name) for name in ("alert_id", "event_id", "rule", "detector")}


def _names(alerts: Sequence[Document]) -> list[str]:
    return [alert["alert_id"] for alert in alerts]


def _subject(said: Mapping[str, str], now: float) -> Document:
    """The subject of a verdict without an alert.

    Raises:
        Refused: there is no subject, or its times are not valid.
    """
    detector = said.get("detector") or None
    if said.get("event_id"):
        return {"event_id": said["event_id"], "detector": detector}
    if not said.get("entity"):
        raise Refused(
            "name the subject of the verdict: alert_id, event_id, or entity with since and until"
        )
    try:
        since, until = float(said["since"]), float(said["until"])
    except (KeyError, ValueError) as error:
        raise Refused("an entity needs since and until, in epoch seconds") from error
    if not since < until:
        raise Refused("since must be before until")
    if since > now:
        raise Refused("since is later than now")
    return {"entity": said["entity"], "since": since, "until": until, "detector": detector}


def _fields(request: Mapping[str, Any]) -> dict[str, str]:
    """The fields of the request's form or JSON object, as text."""
    text = request.get("payload") or ""
    if text.lstrip().startswith("{"):
        try:
            found = json.loads(text)
        except ValueError as error:
            raise Refused(f"the request is not JSON: {error}") from error
        pairs = found.items()
    elif request.get("form"):
        pairs = request["form"]
    else:
        pairs = urllib.parse.parse_qsl(text)
    return {key: str(value) for key, value in pairs if value is not None}


def _response(payload: Mapping[str, object], status: int) -> dict[str, Any]:
    return {"payload": payload, "status": status, "headers": {"Content-Type": "application/json"}}
