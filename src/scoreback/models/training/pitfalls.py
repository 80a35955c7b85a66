"""Common ways in which a model's figures deceive, each checked for this training.

After Arp et al., "Dos and Don'ts of Machine Learning in Computer Security" (USENIX Security 2022).
A pitfall that is not fine proves nothing: it says what to check before trusting the figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scoreback.models.judging.evaluation import Evaluation
from scoreback.models.labels.dataset import Dataset, Known, Mask, row_digests
from scoreback.models.training.leaks import DISGUISE, MANY, NEARLY_ALL, Leak
from scoreback.models.training.splits import Origin

SNOOPING_GAP = 0.1  # by which a random split's average precision may exceed a split by time's
SPURIOUS = 0.95  # share of the winner's average precision that one feature may reach
REPEATED = 0.3  # share of judged positives that may repeat a row of the training data
_NAMED = 3  # leaks to name; others are only counted
BASE_RATE = 3.0  # factor by which positives may be more frequent in training than in judging


@dataclass(frozen=True, slots=True)
class Pitfall:
    """One way in which figures can deceive, with its number."""

    name: str
    figure: str
    fine: bool
    sentence: str  # what the number means, and where its limit lies


def pitfalls(
    data: Dataset,
    known: Known,
    origins: Sequence[Origin],
    own: Evaluation,
    single: Evaluation,
    single_feature: str,
    random_split: float | None,
    by_presence: Sequence[Leak],
    by_value: Sequence[Leak],
) -> tuple[Pitfall, ...]:
    """What to check before trusting *own*, the winner's evaluation."""
    learnt = np.logical_or.reduce([origin.parts.all for origin in origins])
    judged = np.logical_or.reduce([origin.judged for origin in origins])
    found = [
        _snooping(own.average_precision, random_split),
        _disguise(single.average_precision, single_feature, by_value),
        _filled_after(by_presence),
        _spurious(own.average_precision, single.average_precision, single_feature),
        _base_rate(known, learnt, judged, own),
        _repeats(data, known, origins),
    ]
    return tuple(pitfall for pitfall in found if pitfall is not None)


def _snooping(own: float | None, random_split: float | None) -> Pitfall | None:
    if own is None or random_split is None:
        return None
    return Pitfall(
        "snooping in time",
        f"{random_split - own:+.2f}",
        random_split - own <= SNOOPING_GAP,
        f"a random split would have promised an average precision of {random_split:.2f}; the"
        f" split by time gives {own:.2f}. Above {SNOOPING_GAP:g}, either days differ so much that"
        " models age fast, or events have near-copies on many days",
    )


def _disguise(single: float | None, feature: str, leaks: Sequence[Leak]) -> Pitfall | None:
    if single is None:
        return None
    also = f". Also look at these: {_listed(leaks)}" if leaks else ""
    return Pitfall(
        "label in disguise",
        f"{single:.2f}",
        single < DISGUISE and not leaks,
        f"is the average precision of {feature} alone. From {DISGUISE:g} on, the field may be the"
        " answer under another name, or a plain rule may be enough: find out where it comes from"
        + also,
    )


def _filled_after(leaks: Sequence[Leak]) -> Pitfall:
    return Pitfall(
        "filled in after the fact",
        f"{leaks[0].positives:,} of {leaks[0].cases:,}" if leaks else "none",
        not leaks,
        (f"cases are positive: {_listed(leaks)}. " if leaks else "")
        + f"A field whose presence or absence makes {NEARLY_ALL:.0%} of at least {MANY} events"
        " positive may have been filled in after the answer was known",
    )


def _listed(leaks: Sequence[Leak]) -> str:
    more = f" and {len(leaks) - _NAMED} more" if len(leaks) > _NAMED else ""
    return "; ".join(map(str, leaks[:_NAMED])) + more


def _spurious(own: float | None, single: float | None, feature: str) -> Pitfall | None:
    if not own or single is None:
        return None
    return Pitfall(
        "one feature does it all",
        f"{single / own:.0%}",
        single / own < SPURIOUS,
        f"of the winner's average precision is reached by {feature} alone. From {SPURIOUS:.0%}"
        " on, the other features add little that would last",
    )


def _base_rate(known: Known, learnt: Mask, judged: Mask, own: Evaluation) -> Pitfall | None:
    positives = int((known.truth[judged] == 1).sum())
    if not positives or not learnt.any():
        return None
    rate = positives / int(judged.sum())
    learnt_rate = float((known.truth[learnt] == 1).sum() / learnt.sum())
    benign_a_day = (judged.sum() - positives) / max(own.at_budget.days, 1.0)
    return Pitfall(
        "base rate",
        f"1 in {1 / rate:,.0f}",
        learnt_rate <= BASE_RATE * rate,
        f"judged units are positive, and 1 in {1 / learnt_rate:,.0f} of those in training. A"
        " detector that is right about 99 % of the negatives would still raise"
        f" {benign_a_day / 100:,.0f} false alerts a day. Above {BASE_RATE:g} times the judged"
        " share, the labels of training are a biased sample",
    )


def _repeats(data: Dataset, known: Known, origins: Sequence[Origin]) -> Pitfall | None:
    repeated = positives = 0
    for origin in origins:
        asked = origin.judged & (known.truth == 1)
        before = np.unique(row_digests(data, origin.parts.all))
        repeated += int(np.isin(row_digests(data, asked), before).sum())
        positives += int(asked.sum())
    if not positives:
        return None
    return Pitfall(
        "duplicates across the split",
        f"{repeated / positives:.0%}",
        repeated / positives <= REPEATED,
        "of the judged positives have exactly the features of a row in training. Above"
        f" {REPEATED:.0%}, figures tell more about memory than about new attacks",
    )
