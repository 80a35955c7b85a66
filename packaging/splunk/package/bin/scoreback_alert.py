"""The alert action: opens an alert for each hit of a rule, or adds the hit to one.

Splunk runs it with ``--execute`` and passes the location of the results on standard input. It may
run again over the same results: alerts and hits are stored once, and an analyst's work on an alert
is kept. Python 3.9 and 3.13.
"""

from __future__ import annotations

import csv
import decimal
import gzip
import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import IO, Any

from scoreback_placing import DAY, Placeable, alert_id, place
from scoreback_splunkd import Collection, Document, Splunkd, SplunkdError

Hit = dict[str, Any]

_MICROS = 1_000_000
_FIELD_BYTES = 10_000_000  # maximum characters of a value in the results
_HITS_KEPT = 90 * 86_400  # seconds; after this nobody asks which alert a score joined
# Enterprise Security throttles, so each hit becomes its own alert
_CLOSED_BY_OTHERS = ("finding", "risk")


class WrongInput(Exception):
    """The input from Splunk is not that of one of Scoreback's rules."""


def main(arguments: Sequence[str], standard_input: IO[str]) -> int:
    """Write the hits of one run of a rule into the collections; returns the exit status."""
    if arguments[1:] != ["--execute"]:
        _log("FATAL", "Splunk runs this as an alert action, with --execute")
        return 2
    try:
        payload = json.load(standard_input)
        rule = Rule(payload["configuration"])
        hits = read_hits(payload["results_file"], rule)
        splunkd = Splunkd(payload["server_uri"], payload["session_key"])
        opened = record(splunkd, rule, hits, time.time())
    except KeyError as error:
        _log("ERROR", f"the alert action got no {error}")
        return 3
    except (WrongInput, SplunkdError, OSError, ValueError) as error:
        _log("ERROR", str(error))
        return 4
    _log("INFO", f"rule={rule.name!r} hits={len(hits)} opened={opened}")
    return 0


class Rule:
    """The saved search's settings for its alerts."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        """Read the action's *parameters*.

        Raises:
            WrongInput: a parameter is missing or not a number; the message names it.
        """
        self.name = parameters.get("rule", "")
        if not self.name:
            raise WrongInput("the alert action's parameter rule is empty: it names the rule")
        self.detector = parameters.get("detector", "")
        self.severity = parameters.get("severity", "medium")
        self.delivery = parameters.get("delivery") or "alert"
        self.per_entity = int(_number(parameters, "per_entity", "3"))
        self.throttle = int(_number(parameters, "throttle", "3600") * _MICROS)

    def place(
        self, hits: Sequence[Hit], before: Sequence[Placeable]
    ) -> tuple[list[str], list[int]]:
        """Where each of *hits* goes, according to `scoreback_placing.place`."""
        if self.delivery in _CLOSED_BY_OTHERS:
            there = {name for name, _, _ in before}
            alerts = [alert_id(self.name, hit["score_id"]) for hit in hits]
            return alerts, [n for n, name in enumerate(alerts) if name not in there]
        placed = [(hit["score_id"], hit["time"], hit["entity"]) for hit in hits]
        return place(self.name, placed, before, self.per_entity, self.throttle)


def read_hits(path: str, rule: Rule) -> list[Hit]:
    """The hits in the results at *path*, each score once, by time.

    Raises:
        WrongInput: a result has no score id, or no valid time.
    """
    csv.field_size_limit(_FIELD_BYTES)
    hits: dict[str, Hit] = {}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            score_id = row.get("scoreback_score_id", "")
            if not score_id:
                raise WrongInput(f"a result of {rule.name!r} has no scoreback_score_id")
            hits.setdefault(score_id, _hit(row, score_id, rule))
    return sorted(hits.values(), key=lambda hit: (hit["time"], hit["score_id"]))


def _hit(row: Mapping[str, str], score_id: str, rule: Rule) -> Hit:
    text = row.get("orig_time") or row.get("_time") or ""
    try:
        moment = int(decimal.Decimal(text) * _MICROS)
    except (decimal.InvalidOperation, ValueError) as error:
        raise WrongInput(f"score {score_id} has the time {text!r}, not in epoch seconds") from error
    return {
        "score_id": score_id,
        "time": moment,
        "entity": row.get("scoreback_entity") or None,
        "event_id": row.get("scoreback_event_id") or score_id,
        "detector": row.get("scoreback_detector") or rule.detector,
        "version": row.get("scoreback_version", ""),
        "score": float(row.get("scoreback_score") or 0),
        "risk": float(row.get("event_risk_score") or 0),
        "reasons": _reasons(row.get("scoreback_reasons", "")),
        "chance": _known(row.get("scoreback_chance", "")),
        "raised_at": _known(row.get("scoreback_raised_at", "")),
    }


def _known(text: str) -> float | None:
    """*text* as a number; None if it is not one."""
    try:
        return float(text)
    except ValueError:
        return None


def _reasons(text: str) -> str:
    """The JSON text of a list, whether Splunk returned that or the list's lines."""
    if text.startswith("["):
        return text
    return json.dumps([line for line in text.split("\n") if line], ensure_ascii=False)


def record(splunkd: Splunkd, rule: Rule, hits: Sequence[Hit], now: float) -> int:
    """Write the alerts and hits that are not stored yet; returns how many alerts were opened.

    Alerts first: after a run that broke off in between, the next run finds its alerts.
    """
    alerts = Collection(splunkd, "scoreback_alerts")
    members = Collection(splunkd, "scoreback_alert_hits")
    known = members.known([alert_id(rule.name, hit["score_id"]) for hit in hits])
    hits = [hit for hit in hits if alert_id(rule.name, hit["score_id"]) not in known]
    if not hits:
        return 0
    names, new = rule.place(hits, _alerts_of_days(alerts, rule, hits))
    opened = sum(alerts.insert(_alert(rule, names[n], hits[n], now)) for n in new)
    members.save([_member(rule, name, hit, now) for name, hit in zip(names, hits)])
    # A rule that finds an older score again looks up its alerts, which stay, so it opens none
    # twice.
    members.remove({"recorded_at": {"$lt": now - _HITS_KEPT}})
    return opened


def _alerts_of_days(alerts: Collection, rule: Rule, hits: Sequence[Hit]) -> list[Placeable]:
    first = hits[0]["time"] // DAY * DAY
    after = (hits[-1]["time"] // DAY + 1) * DAY
    query = {
        "$and": [
            {"rule": rule.name},
            {"event_time": {"$gte": first / _MICROS}},
            {"event_time": {"$lt": after / _MICROS}},
        ]
    }
    found = [
        (row["_key"], round(float(row["event_time"]) * _MICROS), row.get("entity"))
        for row in alerts.find(query, sort="event_time,_key")
    ]
    return sorted(found, key=lambda alert: (alert[1], alert[0]))


def _alert(rule: Rule, name: str, hit: Hit, now: float) -> Document:
    return {
        "_key": name,
        "alert_id": name,
        "rule": rule.name,
        "delivery": rule.delivery,
        "detector": hit["detector"],
        "version": hit["version"],
        "entity": hit["entity"],
        "event_id": hit["event_id"],
        "event_time": hit["time"] / _MICROS,
        "raised_at": hit["raised_at"] or now,
        "score": hit["score"],
        "risk": hit["risk"],
        "severity": rule.severity,
        "reasons": hit["reasons"],
        "chance": hit["chance"],
        "status": "open",
        "tags": [],
        "touched": False,
    }


def _member(rule: Rule, name: str, hit: Hit, now: float) -> Document:
    return {
        "_key": alert_id(rule.name, hit["score_id"]),
        "alert_id": name,
        "rule": rule.name,
        "score_id": hit["score_id"],
        "event_id": hit["event_id"],
        "event_time": hit["time"] / _MICROS,
        "score": hit["score"],
        "recorded_at": now,
    }


def _number(parameters: Mapping[str, str], name: str, default: str) -> decimal.Decimal:
    text = parameters.get(name) or default
    try:
        number = decimal.Decimal(text)
    except decimal.InvalidOperation as error:
        raise WrongInput(
            f"the alert action's parameter {name} is {text!r}, not a number"
        ) from error
    if not number.is_finite() or number < 0:
        raise WrongInput(f"the alert action's parameter {name} is {text!r}: it must be 0 or more")
    return number


def _log(level: str, message: str) -> None:
    print(level, message, file=sys.stderr)  # Splunk writes this to splunkd.log


if __name__ == "__main__":
    sys.exit(main(sys.argv, sys.stdin))
