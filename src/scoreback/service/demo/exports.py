"""Two example exports of alerts, closed.csv and open.csv, as a ticket system writes them.

The data is invented, for the steps of the README and the tutorial: six weeks of alerts that
analysts have closed, and one more week of open ones. The files are the same every time.
"""

import csv
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

START, CLOSED_DAYS, OPEN_DAYS = datetime(2026, 1, 5, tzinfo=UTC), 42, 7
HOSTS = {
    "workstation": [f"ws-{n:03}" for n in range(1, 61)],
    "server": [f"srv-{n:02}" for n in range(1, 21)],
    "scanner": ["scan-1", "scan-2"],
}
SCRIPT = "Script interpreter with an encoded command"
LOGON = "Administrative logon outside office hours"
SCAN = "Port scan inside the network"
TRANSFER = "Large transfer to a new destination"
DAILY = {  # everyday noise: alerts per day of each rule on each group of machines
    (TRANSFER, "workstation"): 14,
    (TRANSFER, "server"): 4,
    (LOGON, "server"): 9,
    (LOGON, "workstation"): 2,
    (SCRIPT, "server"): 6,
    (SCAN, "server"): 2,
    (SCAN, "workstation"): 1,
}
PORTS = {TRANSFER: (443, 443, 8443), LOGON: (22, 3389), SCRIPT: (5985, 443), SCAN: (445, 80, 22)}


class Row(NamedTuple):
    """One alert as the ticket system exports it."""

    alert_id: str
    raised_at: str
    rule: str
    host: str
    host_group: str
    dest_port: int
    kbytes: int
    closed_as: str
    closed_at: str


class Alert(NamedTuple):
    """One alert with the truth about it."""

    at: datetime
    rule: str
    host: str
    group: str
    intrusion: bool


def write_exports(folder: Path) -> list[Path]:
    """Write both files into the existing *folder*; return their paths."""
    draw = random.Random(7)  # noqa: S311 - invented data, no secrets
    alerts: list[Alert] = []
    for day in range(CLOSED_DAYS + OPEN_DAYS):
        midnight = START + timedelta(days=day)
        alerts += [*_routine(draw, midnight), *_nightly_scan(draw, midnight)]
        for _ in range(draw.choice((0, 1, 1, 2))):
            alerts += _intrusion(draw, midnight)
    rows = [_row(draw, number, alert) for number, alert in enumerate(sorted(alerts), start=1)]
    border = f"{START + timedelta(days=CLOSED_DAYS):%Y-%m-%d}"
    closed = [row for row in rows if row.raised_at < border]
    still_open = [row._replace(closed_as="", closed_at="") for row in rows[len(closed) :]]
    written = []
    for name, lines in (("closed.csv", closed), ("open.csv", still_open)):
        written.append(folder / name)
        with written[-1].open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([Row._fields, *lines])
    return written


def _routine(draw: random.Random, day: datetime) -> list[Alert]:
    found = []
    for (rule, group), often in DAILY.items():
        for _ in range(round(draw.gauss(often, often / 4))):
            at = day + timedelta(hours=draw.uniform(0, 24))
            found.append(Alert(at, rule, draw.choice(HOSTS[group]), group, intrusion=False))
    return found


def _nightly_scan(draw: random.Random, day: datetime) -> list[Alert]:
    scanner = draw.choice(HOSTS["scanner"])
    times = (day + timedelta(hours=draw.uniform(2, 3)) for _ in range(6))
    return [Alert(at, SCAN, scanner, "scanner", intrusion=False) for at in times]


def _intrusion(draw: random.Random, day: datetime) -> list[Alert]:
    """A few steps on one machine within an hour or two."""
    group = draw.choice(("workstation", "workstation", "workstation", "server"))
    host, at = draw.choice(HOSTS[group]), day + timedelta(hours=draw.uniform(0, 21))
    found = []
    for rule in draw.sample((SCRIPT, LOGON, SCAN, TRANSFER), k=draw.choice((2, 3, 4))):
        found.append(Alert(at, rule, host, group, intrusion=True))
        at += timedelta(minutes=draw.uniform(3, 30))
    return found


def _row(draw: random.Random, number: int, alert: Alert) -> Row:
    usual = 60 if alert.rule == TRANSFER else 3
    kbytes = round(draw.lognormvariate(0, 1) * usual * (3 if alert.intrusion else 1)) + 1
    verdict, closed = _closing(draw, alert)
    return Row(
        f"A-{number:05}",
        _text(alert.at),
        alert.rule,
        alert.host,
        alert.group,
        draw.choice(PORTS[alert.rule]),
        kbytes,
        verdict,
        closed,
    )


def _closing(draw: random.Random, alert: Alert) -> tuple[str, str]:
    """How the team closed it, some hours later: one in ten never, three in a hundred wrongly."""
    if draw.random() < 0.1:
        return "", ""
    right = draw.random() >= 0.03
    benign = "benign" if alert.rule == SCAN else "false positive"
    verdict = "true positive" if alert.intrusion == right else benign
    return verdict, _text(alert.at + timedelta(hours=draw.uniform(1, 30)))


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
