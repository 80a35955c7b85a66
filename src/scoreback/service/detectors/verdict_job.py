"""Closes many alerts as a file of verdicts says: all of them, or none if a line is wrong."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from scoreback.connectors.doors import AlertsDoor
from scoreback.errors import ConfigError, DataError, ScorebackError, SiemUnavailable
from scoreback.records import Alert
from scoreback.service.app import App
from scoreback.service.detectors.verdict_file import Line, Wrong, read_verdicts

SHOWN = 20  # wrong lines that are named; the others are only counted


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedAll:
    """The result of closing alerts by a file of verdicts."""

    closed: int  # alerts that got another verdict than before
    unchanged: int  # alerts that had the same verdict by the same person already
    verdicts: Mapping[str, int]  # verdict → alerts of the file


def close_all(app: App, file: Path, *, labeller: str, now: datetime) -> ClosedAll:
    """Close the alerts of *file*; *labeller* gave the verdicts for which the file names nobody.

    Every line is checked before the first alert is closed. The same file a second time changes
    nothing, so it can be run again after a SIEM stopped answering half-way.

    Raises:
        ConfigError: the file cannot be read, or the SIEM shows no alerts.
        DataError: names each line that is wrong; nothing was closed.
        SiemUnavailable: the SIEM stopped answering; says how many alerts were closed.
    """
    door = app.connector.alerts
    if door is None:
        raise ConfigError(
            "Scoreback cannot read or close alerts of this SIEM",
            hint="close alerts in the SIEM itself",
        )
    lines, wrong = read_verdicts(file)
    meant, unknown = _alerts_of(door, lines)
    wrong += [*unknown, *_untimely(lines, meant, now), *_twice(lines, meant)]
    if wrong:
        raise _refused(file, wrong)
    closed = 0
    for done, line in enumerate(lines):
        alert, by = meant[line.number], line.by or labeller
        if (alert.verdict, alert.labeller) == (line.verdict, by):
            continue
        try:
            door.close(alert.alert_id, line.verdict, labeller=by, at=line.at or now)
        except ScorebackError as error:
            raise SiemUnavailable(
                f"{file}:{line.number}: {error.message}; {done:,} of {len(lines):,} lines were"
                " done before",
                hint=f"run the command again with the same file to do the rest; {error.hint}",
            ) from error
        closed += 1
    verdicts = Counter(line.verdict.value for line in lines)
    return ClosedAll(
        closed=closed, unchanged=len(lines) - closed, verdicts=dict(verdicts.most_common())
    )


def _alerts_of(door: AlertsDoor, lines: Sequence[Line]) -> tuple[dict[int, Alert], list[Wrong]]:
    """The alert of each line, by the line's number."""
    there = {alert.alert_id: alert for alert in door.find()} if lines else {}
    ids = sorted(there)
    meant: dict[int, Alert] = {}
    wrong: list[Wrong] = []
    for line in lines:
        first = bisect_left(ids, line.alert)
        like = [each for each in ids[first : first + 2] if each.startswith(line.alert)]
        if line.alert in there or len(like) == 1:
            meant[line.number] = there[like[0]]
        elif like:
            why = f"more than one alert has an id that begins with {line.alert!r}"
            wrong.append(Wrong(number=line.number, why=why))
        else:
            wrong.append(Wrong(number=line.number, why=f"no alert has id {line.alert!r}"))
    return meant, wrong


def _untimely(lines: Sequence[Line], meant: Mapping[int, Alert], now: datetime) -> list[Wrong]:
    """Verdicts dated before their event, or in the future."""
    wrong = []
    for line in lines:
        alert = meant.get(line.number)
        if line.at is not None and line.at > now:
            wrong.append(Wrong(number=line.number, why=f"{line.at.isoformat()} is in the future"))
        elif alert is not None and (line.at or now) < alert.event_time:
            event = alert.event_time.isoformat()
            why = (
                f"the verdict's time, {(line.at or now).isoformat()}, is before its event, {event}"
            )
            wrong.append(Wrong(number=line.number, why=why))
    return wrong


def _twice(lines: Sequence[Line], meant: Mapping[int, Alert]) -> list[Wrong]:
    """Lines about an alert that an earlier line closes already."""
    first: dict[str, int] = {}
    wrong = []
    for line in lines:
        if line.number in meant:
            alert_id = meant[line.number].alert_id
            before = first.setdefault(alert_id, line.number)
            if before != line.number:
                why = f"alert {alert_id} is on line {before} already"
                wrong.append(Wrong(number=line.number, why=why))
    return wrong


def _refused(file: Path, wrong: Sequence[Wrong]) -> DataError:
    ordered = sorted(wrong, key=lambda each: each.number)
    said = [f"{file}:{each.number}: {each.why}" for each in ordered[:SHOWN]]
    if len(ordered) > SHOWN:
        said.append(f"and {len(ordered) - SHOWN:,} more lines")
    return DataError("\n".join(said), hint="correct these lines; no alert was closed")
