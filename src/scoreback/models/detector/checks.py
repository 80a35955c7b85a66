"""Checks of keys taken together, such as labels used as features, or pipes in selections."""

import re
from collections.abc import Iterator, Sequence

from scoreback.models.detector.features import (
    EVENT_TIMES,
    EventFeature,
    WindowFeature,
    is_or_is_under,
)
from scoreback.models.detector.fixture_tests import FixtureTest, unknown_features
from scoreback.models.detector.located_yaml import Key
from scoreback.models.detector.problems import Problem, closest
from scoreback.models.detector.quantities import format_duration
from scoreback.models.detector.spec import Detector
from scoreback.models.detector.unit_checks import check_unit

# Columns of a stored score; a test compares them with `scoreback.records.SCORE_COLUMNS`.
SCORE_NAMES = (
    "score_id", "event_id", "event_ref", "event_time", "scored_at", "entity", "detector", "version",
    "stage", "score", "risk", "threshold", "alert", "reasons", "chance",
)  # fmt: skip

_DOUBLE_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_QUOTED_OR_REGEX = re.compile(r'"(?:[^"\\]|\\.)*"|/(?:[^/\\]|\\.)*/|\\.|\|\|', re.DOTALL)


def check_detector(detector: Detector) -> Iterator[Problem]:
    """What is wrong with the keys of *detector* taken together."""
    yield from _label_as_input(detector)
    yield from _nobody_as_entity(detector)
    yield from _nothing_to_learn_from(detector)
    yield from _verdicts_that_never_come(detector)
    yield from _unseen_units_twice(detector)
    yield from _copied_over_scores(detector)
    yield from _events_without_scores(detector)
    yield from check_unit(detector)
    yield from check_tests(detector, detector.tests)
    for siem, selection in detector.events.items():
        for word in ("search", "query"):
            text = selection.get(word)
            if isinstance(text, str):
                yield from _more_than_a_selection(text, word, ("events", siem, word))


def check_tests(detector: Detector, tests: Sequence[FixtureTest]) -> Iterator[Problem]:
    """What is wrong with *tests*, the list at the key ``tests`` of *detector*."""
    features = {feature.name: feature for feature in detector.features}
    for i, test in enumerate(tests):
        if test.name in {other.name for other in tests[:i]}:
            yield Problem(("tests", i, "name"), f"{test.name!r} is there already", "rename it")
        for event, name in unknown_features(test, features):
            part = "cells" if name in (test.expect.cells or {}).get(event, {}) else "reasons"
            what = f"{name!r} is not a feature of this detector"
            yield Problem(("tests", i, "expect", part, event, name), what, closest(name, features))


def _label_as_input(detector: Detector) -> Iterator[Problem]:
    labels = detector.labels.field
    if labels is None:
        return
    answers = {labels.name: "holds the label"}
    if labels.time:
        answers[labels.time] = "says when the label came to exist"
    for answer, why in answers.items():
        if is_or_is_under(detector.entity, answer):
            yield Problem(
                ("entity",),
                f"{detector.entity!r} {why}",
                "name the field that says whom alerts are about",
            )
        for i, feature in enumerate(detector.features):
            for name in _inputs(feature):
                if is_or_is_under(name, answer):
                    what = f"{name!r} {why}: as a feature it would give away the answer"
                    yield Problem(("features", i), what, "remove this feature")


def _nobody_as_entity(detector: Detector) -> Iterator[Problem]:
    if detector.entity in (*EVENT_TIMES, "event_ref"):
        yield Problem(
            ("entity",),
            f"{detector.entity!r} is the time or place of an event, not whom alerts are about",
            "name a field of the events, or event_id if each event stands for itself",
        )


def _inputs(feature: EventFeature | WindowFeature) -> list[str]:
    others = feature.by if isinstance(feature, WindowFeature) else (feature.divisor,)
    return [name for name in (feature.field, *others) if name]


def _nothing_to_learn_from(detector: Detector) -> Iterator[Problem]:
    history, mature = detector.train.history, detector.labels.mature_after
    if history <= mature:
        what = f"{format_duration(history)} of history, of which the last {format_duration(mature)}"
        yield Problem(
            ("train", "history"),
            f"{what} are too recent to learn from",
            "write a longer history, or a shorter labels.mature_after",
        )


def _verdicts_that_never_come(detector: Detector) -> Iterator[Problem]:
    when = detector.train.when
    if when is None or when.verdicts is None or detector.labels.verdicts is not None:
        return
    yield Problem(
        ("train", "when", "verdicts"),
        "the detector does not learn from verdicts, so they have no effect",
        "add labels: {verdicts: {join: event}}, or remove this",
    )


def _unseen_units_twice(detector: Detector) -> Iterator[Problem]:
    if detector.train.propensity == "on" and detector.labels.unlabelled == "presumed_benign":
        yield Problem(
            ("train", "propensity"),
            "units that nobody saw would count twice: as presumed benign, and through the drawn"
            " ones",
            "remove it, or write labels: {unlabelled: ignore}",
        )


def _copied_over_scores(detector: Detector) -> Iterator[Problem]:
    for i, name in enumerate(detector.write.copy_fields):
        key: Key = ("write", "copy_fields", i)
        if name in SCORE_NAMES:
            yield Problem(key, f"{name!r} is a column of every score", "remove it")
        elif name in detector.write.copy_fields[:i]:
            yield Problem(key, f"{name!r} is there already", "remove it")


def _events_without_scores(detector: Detector) -> Iterator[Problem]:
    if detector.alerts.reads != "events":
        return
    key: Key = ("alerts", "reads")
    if detector.group is not None:
        what = "an alert per event would make many alerts of a group, where the budget counts one"
        yield Problem(key, what, "write reads: scores, or unit: event")
    elif detector.write.enrich != "event":
        yield Problem(
            key,
            f"write.enrich: {detector.write.enrich} puts no score on events themselves",
            "write reads: scores, or write: {enrich: event}",
        )


def _more_than_a_selection(text: str, word: str, key: Key) -> Iterator[Problem]:
    rest = (_DOUBLE_QUOTED if word == "search" else _QUOTED_OR_REGEX).sub("", text)
    if '"' in rest:
        yield Problem(key, "a quote is not closed", 'close it, or write \\" for the sign itself')
    elif "|" in rest:
        yield Problem(
            key,
            "holds a pipe (|), but events are a selection only",
            "keep what comes before the first |; quote a | that is searched for",
        )
