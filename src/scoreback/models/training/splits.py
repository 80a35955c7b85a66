"""Splits by time, never at random: what a model is fitted on, its threshold, and its judgement.

::

    |------ fit ------|-- threshold --|           one model as of one origin, then fitted on both
                                      ^ origin
                                      |--- judged block ---|

At each origin only labels that existed then, and rows that were mature then, are used; a block is
judged with what is known in the end.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from scoreback.models.detector.spec import Detector
from scoreback.models.labels.dataset import (
    Dataset,
    Known,
    Mask,
    known_at,
    once_a_day,
)
from scoreback.models.labels.truths import UNKNOWN
from scoreback.suppression import DAY_US
from scoreback.times import micros, moment

JUDGED_SHARE = 0.3  # of the history, its latest part
BLOCKS = 3
WHOLE_DAYS_FROM = 8  # days; a shorter history is cut at any time of day
ROLLING_FROM = 4  # days; a shorter history cannot be replayed as its labels arrived
_THRESHOLD_SHARES = (0.25, 0.2, 0.15, 0.1, 0.05)  # of a training part; less if positives are late
_MIN_FIT_POSITIVES = 10  # fewer teach nothing
_MIN_JUDGED_POSITIVES = 5  # fewer cannot tell two candidates apart


@dataclass(frozen=True, slots=True)
class Span:
    """Event times ``[since, until)`` in microseconds."""

    since: int
    until: int

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return timedelta(microseconds=self.until - self.since)

    def holds(self, data: Dataset) -> Mask:
        """Rows of *data* within it."""
        return np.asarray((data.times >= self.since) & (data.times < self.until))


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The rows of one model."""

    known: Known
    fit: Mask  # of the earlier days; labelled, equal rows of a day once
    all: Mask  # the same, of all days
    threshold: Mask  # every usable unit of the later days, labelled or not
    threshold_span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One model of the past, and the rows it is judged on."""

    parts: Parts
    judged: Mask
    judged_span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The origins that a training is judged by."""

    origins: tuple[Origin, ...]
    warnings: tuple[str, ...]
    labels_at_last_origin: int | None  # None when the history is too short to have origins
    last_origin: datetime | None


def parts_of(data: Dataset, known: Known) -> Parts | None:
    """Cut the usable rows of *known* into fit and threshold days; None if too few positives."""
    span = _span_of(data, known)
    if span is None:
        return None
    kept = once_a_day(data, known.truth, known.labelled)
    for share in _THRESHOLD_SHARES:
        later = Span(_cut(span, 1 - share), span.until)
        threshold = known.usable & later.holds(data)
        fit = kept & known.usable & (data.times < later.since)
        truth = known.truth[fit]
        if (truth == 1).sum() >= _MIN_FIT_POSITIVES and (truth == 0).any() and threshold.any():
            return Parts(
                known=known,
                fit=fit,
                all=kept & known.usable,
                threshold=threshold,
                threshold_span=later,
            )
    return None


def plan_of(data: Dataset, labels: pa.Table, detector: Detector, final: Known) -> Plan:
    """The origins of *data*: rolling blocks where the history allows, else one honest split."""
    span = _span_of(data, final)
    if span is None:
        return Plan(origins=(), warnings=(), labels_at_last_origin=None, last_origin=None)
    warnings: list[str] = []
    seen: int | None = None
    last: datetime | None = None
    if span.length >= timedelta(days=ROLLING_FROM):
        blocks = list(_blocks(span))
        last = moment(blocks[-1].since)
        seen = len(known_at(data, labels, detector, last).truths.event_ids)
        for tried in (blocks, _late_block(data, final, span)):
            origins = tuple(_origins(data, labels, detector, final, tried))
            if _judges_enough(origins, final):
                skipped = len(tried) - len(origins)
                if skipped:
                    warnings.append(
                        f"{skipped} of {len(tried)} blocks are not judged: too few positives had "
                        "labels when they began"
                    )
                return _planned(origins, warnings, seen, last)
    if seen == 0:
        return _planned((), warnings, seen, last)
    for cut in (_cut(span, 1 - JUDGED_SHARE), *(b.since for b in _late_block(data, final, span))):
        origins = tuple(_split_by_rows(data, final, span, cut))
        if _judges_enough(origins, final):
            warnings.append(
                "the history is too short to replay when labels arrived: judged by one split at "
                f"{moment(cut):%Y-%m-%d %H:%M} UTC with labels as they are known now, which "
                "flatters"
            )
            return _planned(origins, warnings, seen, last)
    return _planned((), warnings, seen, last)


def _planned(
    origins: tuple[Origin, ...], warnings: list[str], seen: int | None, last: datetime | None
) -> Plan:
    return Plan(
        origins=origins, warnings=tuple(warnings), labels_at_last_origin=seen, last_origin=last
    )


def _origins(
    data: Dataset, labels: pa.Table, detector: Detector, final: Known, blocks: list[Span]
) -> Iterator[Origin]:
    for block in blocks:
        judged = final.usable & block.holds(data)
        parts = parts_of(data, known_at(data, labels, detector, moment(block.since)))
        if parts is not None and judged.any():
            yield Origin(parts=parts, judged=judged, judged_span=block)


def _split_by_rows(data: Dataset, final: Known, span: Span, cut: int) -> Iterator[Origin]:
    past = data.times < cut
    known = replace(
        final,
        usable=final.usable & past,
        truth=np.where(past, final.truth, np.int8(UNKNOWN)),
        at=min(final.at, moment(cut)),
    )
    parts = parts_of(data, known)
    after = Span(cut, span.until)
    judged = final.usable & after.holds(data)
    if parts is not None and judged.any():
        yield Origin(parts=parts, judged=judged, judged_span=after)


def _judges_enough(origins: tuple[Origin, ...], final: Known) -> bool:
    found = sum(int((final.truth[origin.judged] == 1).sum()) for origin in origins)
    return found >= _MIN_JUDGED_POSITIVES


def _span_of(data: Dataset, known: Known) -> Span | None:
    """From the first usable row to the end of the last one's day, as far as that is mature."""
    times = data.times[known.usable]
    if not len(times):
        return None
    last = int(times[-1]) + 1
    end_of_day = -(-last // DAY_US) * DAY_US
    return Span(int(times[0]), max(last, min(end_of_day, micros(known.at))))


def _cut(span: Span, share: float) -> int:
    at = span.since + int((span.until - span.since) * share)
    if span.length < timedelta(days=WHOLE_DAYS_FROM):
        return at
    return round(at / DAY_US) * DAY_US


def _blocks(span: Span) -> Iterator[Span]:
    shares = [1 - JUDGED_SHARE + JUDGED_SHARE * i / BLOCKS for i in range(BLOCKS)]
    cuts = sorted({_cut(span, share) for share in shares})
    for since, until in zip(cuts, [*cuts[1:], span.until], strict=True):
        if since < until:
            yield Span(since, until)


def _late_block(data: Dataset, final: Known, span: Span) -> list[Span]:
    """One block that holds the latest positives, for attacks that all came in a few days."""
    positives = data.times[final.truth == 1]
    if not len(positives):
        return []
    cut = int(positives[int(len(positives) * (1 - JUDGED_SHARE))])
    return [Span(cut, span.until)]
