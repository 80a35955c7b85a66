"""Splits by time, never at random: what a model is fitted on, its threshold, and its judgement.

::

    |------ fit ------|-- threshold --|           one model as of one origin, then fitted on both
                                      ^ origin
                                      |--- judged block ---|

At each origin, only labels that existed then and rows that were mature then are used; a block is
judged by the labels known at the end. `fair_cut` places the cuts so that each part holds its share
of labelled rows and of positives, as nearly as possible.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

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
from scoreback.models.training.fair_cuts import Labelled, fair_cut, learnable_from
from scoreback.suppression import DAY_US
from scoreback.times import micros, moment

JUDGED_SHARE = 0.3  # of labelled rows and of positives: the latest ones
BLOCKS = 3
WHOLE_DAYS_FROM = 8  # days; a shorter history may be cut at any time of day
ROLLING_FROM = 4  # days; a shorter history cannot be replayed with labels as they arrived
_THRESHOLD_SHARES = (0.25, 0.2, 0.15, 0.1, 0.05)  # of a training part; tried in order
_MIN_FIT_POSITIVES = 10  # nothing can be learnt from fewer
_MIN_JUDGED_POSITIVES = 5  # fewer cannot distinguish two candidates


@dataclass(frozen=True, slots=True)
class Span:
    """Event times ``[since, until)`` in microseconds."""

    since: int
    until: int

    @property
    def length(self) -> timedelta:
        """The length of the span."""
        return timedelta(microseconds=self.until - self.since)

    def holds(self, data: Dataset) -> Mask:
        """The rows of *data* within the span."""
        return np.asarray((data.times >= self.since) & (data.times < self.until))


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The rows that one model is made from."""

    known: Known
    fit: Mask  # labelled rows of the earlier days; equal rows of a day count once
    all: Mask  # the same for all days
    threshold: Mask  # every usable unit of the later days, labelled or not
    threshold_span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One model of the past, and the rows that it is judged on."""

    parts: Parts
    judged: Mask
    judged_span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The origins that a training is judged by."""

    origins: tuple[Origin, ...]
    warnings: tuple[str, ...]
    labels_at_last_origin: int | None  # None if the history is too short to have origins
    last_origin: datetime | None


def parts_of(data: Dataset, known: Known) -> Parts | None:
    """Cut the usable rows of *known* into fit and threshold days; None if too few positives."""
    span = _span_of(data, known)
    if span is None:
        return None
    kept = once_a_day(data, known.truth, known.labelled) & known.usable
    rows = Labelled.of(data, known, kept)
    for share in _THRESHOLD_SHARES:
        cut = fair_cut(rows, span.since, span.until, share, midnight=_by_days(span))
        if cut is None:
            return None
        later = Span(cut, span.until)
        threshold = known.usable & later.holds(data)
        fit = kept & (data.times < cut)
        truth = known.truth[fit]
        if (truth == 1).sum() >= _MIN_FIT_POSITIVES and (truth == 0).any() and threshold.any():
            return Parts(known=known, fit=fit, all=kept, threshold=threshold, threshold_span=later)
    return None


def plan_of(data: Dataset, labels: pa.Table, detector: Detector, final: Known) -> Plan:
    """The origins of *data*: rolling blocks if the history allows, else one split by time."""
    span = _span_of(data, final)
    if span is None:
        return Plan(origins=(), warnings=(), labels_at_last_origin=None, last_origin=None)
    warnings: list[str] = []
    seen: int | None = None
    last: datetime | None = None
    labelled = final.usable & final.labelled
    if span.length >= timedelta(days=ROLLING_FROM):
        rows = Labelled.of(data, final, labelled, learnable_from(data, labels, detector))
        cut = None
        for learnt in (_MIN_FIT_POSITIVES * 2, _MIN_FIT_POSITIVES):  # some become threshold days
            cut = cut or fair_cut(
                rows,
                span.since,
                span.until,
                JUDGED_SHARE,
                midnight=_by_days(span),
                least=(learnt, _MIN_JUDGED_POSITIVES),
            )
        blocks = [] if cut is None else _blocks(data, final, Span(cut, span.until), _by_days(span))
        # Without a suitable cut, the latest possible origin shows whether labels came too late.
        last = moment(blocks[-1].since if blocks else _late(span))
        seen = len(known_at(data, labels, detector, last).truths.event_ids)
        for tried in (blocks, [Span(blocks[0].since, span.until)] if blocks else []):
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
    cut = fair_cut(
        Labelled.of(data, final, labelled),
        span.since,
        span.until,
        JUDGED_SHARE,
        midnight=_by_days(span),
    )
    if cut is not None:
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
    data: Dataset, labels: pa.Table, detector: Detector, final: Known, blocks: Sequence[Span]
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
    """From the first usable row to the end of the last one's day, but not past `known.at`."""
    times = data.times[known.usable]
    if not len(times):
        return None
    last = int(times[-1]) + 1
    end_of_day = -(-last // DAY_US) * DAY_US
    return Span(int(times[0]), max(last, min(end_of_day, micros(known.at))))


def _blocks(data: Dataset, final: Known, judged: Span, midnight: bool) -> list[Span]:
    """*judged* in `BLOCKS` blocks, or fewer if no cut leaves positives on both sides."""
    within = final.usable & final.labelled & judged.holds(data)
    cuts = [judged.since]
    for left in range(BLOCKS, 1, -1):
        rows = Labelled.of(data, final, within & (data.times >= cuts[-1]))
        cut = fair_cut(rows, cuts[-1], judged.until, 1 - 1 / left, midnight=midnight)
        if cut is None:
            break
        cuts.append(cut)
    return [Span(since, until) for since, until in pairwise([*cuts, judged.until])]


def _by_days(span: Span) -> bool:
    return span.length >= timedelta(days=WHOLE_DAYS_FROM)


def _late(span: Span) -> int:
    """The time at which the last of `BLOCKS` equal blocks would begin."""
    return span.until - int((span.until - span.since) * JUDGED_SHARE / BLOCKS)
