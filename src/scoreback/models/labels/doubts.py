"""Doubtful verdicts: floods from one person, and verdicts that contradict near-duplicates.

Both depend only on the labels (and the features of their events): the same labels always give the
same cases.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.records import Verdict
from scoreback.times import HOUR_US, micros, moment

FLOOD, CONTRADICTION = "flood", "contradiction"
OTHERS = 3  # least number of others' verdicts on near-duplicates that can contradict a verdict
AGREED = 0.9  # least share of these that must say the opposite
DIGITS = 2  # near-duplicates have numbers that are equal to so many digits

_POSITIVE = {Verdict.TRUE_POSITIVE.value: True, Verdict.FALSE_POSITIVE.value: False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Verdicts of one person that are doubtful for the same reason."""

    kind: str
    labeller: str
    first: datetime  # label times
    last: datetime
    places: NDArray[np.int64] = field(compare=False)  # row numbers in the labels that were examined
    about: str = ""  # distinguishes cases that begin at the same time

    @property
    def case_id(self) -> str:
        """A permanent id: more verdicts of the same flood do not change it."""
        text = "\0".join((self.kind, self.labeller, str(micros(self.first)), self.about))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def floods(labels: pa.Table, most: int) -> list[Case]:
    """Runs of verdicts in which one person gave more than *most* within an hour.

    Args:
        labels: verdicts, `LABEL_COLUMNS`.
        most: the largest number of verdicts an hour that is not doubted.

    Returns:
        A case for each run, by time. A run's verdicts all lie within an hour that has too many, and
        at most an hour apart. Withdrawals and undetermined verdicts do not count.
    """
    times, who, places = _counting(labels)
    found = []
    for person in sorted(set(who.tolist())):
        mine = np.flatnonzero(who == person)
        mine = mine[np.argsort(times[mine], kind="stable")]
        at = times[mine]
        after = np.searchsorted(at, at + HOUR_US, "right")  # end of each hour
        flooded = np.zeros(len(at) + 1, dtype=np.int64)
        for begin in np.flatnonzero(after - np.arange(len(at)) > most):
            flooded[begin] += 1
            flooded[after[begin]] -= 1
        inside = np.flatnonzero(np.cumsum(flooded[:-1]) > 0)
        runs = np.split(inside, np.flatnonzero(np.diff(at[inside]) > HOUR_US) + 1)
        found += [_case(FLOOD, person, at[run], places[mine[run]]) for run in runs if len(run)]
    return sorted(found, key=lambda one: (one.first, one.labeller))


def contradictions(labels: pa.Table, rows: pa.Table, features: Sequence[str]) -> list[Case]:
    """Verdicts of one person that others' verdicts on nearly identical events contradict.

    Near-duplicates have equal features, with numbers rounded to two digits. A person's verdicts on
    such a group are doubtful if other people gave at least `OTHERS` verdicts on it and a share of
    at least `AGREED` of these says the opposite. Benign positives contradict nothing: what is
    allowed differs from case to case.

    Args:
        labels: `LABEL_COLUMNS`; only those that name an event, or its ``unit``, are examined.
        rows: feature rows with ``event_id``.
        features: the columns to compare.
    """
    times, who, places = _counting(labels)
    about = labels.column("unit" if "unit" in labels.column_names else "event_id")
    ids, verdicts = (
        column.take(pa.array(places)).to_pylist() for column in (about, labels.column("verdict"))
    )
    groups = _groups(rows, features, {one for one in ids if one is not None})
    said: dict[str, list[tuple[str, bool, int]]] = defaultdict(list)
    for position, (event, verdict) in enumerate(zip(ids, verdicts, strict=True)):
        if event in groups and verdict in _POSITIVE:
            said[groups[event]].append((who[position], _POSITIVE[verdict], position))
    found = []
    for group, given in sorted(said.items()):
        for person in sorted({one for one, _, _ in given}):
            others = [positive for one, positive, _ in given if one != person]
            if len(others) < OTHERS:
                continue
            for claim in (True, False):
                against = sum(positive != claim for positive in others) / len(others)
                mine = [at for one, positive, at in given if (one, positive) == (person, claim)]
                if mine and against >= AGREED:
                    own = np.array(sorted(mine, key=lambda at: times[at]))
                    found.append(_case(CONTRADICTION, person, times[own], places[own], about=group))
    return sorted(found, key=lambda one: (one.first, one.labeller, one.about))


def _counting(labels: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.object_], NDArray[np.int64]]:
    """Times, labellers and row numbers of verdicts, without withdrawals and undetermined ones."""
    wanted = pc.and_(
        pc.invert(labels.column("withdrawn")),
        pc.not_equal(labels.column("verdict"), Verdict.UNDETERMINED.value),
    )
    wanted = pc.and_(wanted, pc.not_equal(pc.fill_null(labels.column("labeller"), ""), ""))
    places = np.flatnonzero(wanted.to_numpy())
    some = labels.select(["label_time", "labeller"]).take(pa.array(places))
    times = some.column("label_time").cast(pa.int64()).to_numpy()
    who = np.array(some.column("labeller").to_pylist(), dtype=object)
    return times, who, places


def _case(
    kind: str,
    person: str,
    times: NDArray[np.int64],
    places: NDArray[np.int64],
    about: str = "",
) -> Case:
    first, last = moment(int(times[0])), moment(int(times[-1]))
    return Case(kind=kind, labeller=person, first=first, last=last, places=places, about=about)


def _groups(rows: pa.Table, features: Sequence[str], wanted: set[str]) -> Mapping[str, str]:
    """Maps each of the *wanted* events to its group of near-duplicates, a digest of features."""
    if not rows.num_rows or not wanted:
        return {}
    some = rows.filter(pc.is_in(rows["event_id"], value_set=pa.array(sorted(wanted))))
    columns = [[_rounded(value) for value in some[name].to_pylist()] for name in features]
    found = {}
    for row, event in enumerate(some["event_id"].to_pylist()):
        text = "\0".join(column[row] for column in columns)
        found[event] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return found


def _rounded(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.{DIGITS}g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{float(value):.{DIGITS}g}"
    return repr(value)
