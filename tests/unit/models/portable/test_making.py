"""From an artefact to a portable model: what is carried, what is refused, and how it is written."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.models.artifact.amounts import cut
from scoreback.models.artifact.words import RARE, in_words
from scoreback.models.detector.spec import EventFeature
from scoreback.models.judging import norms as usual_of
from scoreback.models.judging.norms import Norm, Norms, Seen
from scoreback.models.learners.algorithms import algorithms
from scoreback.models.learners.model import score_of
from scoreback.models.portable.making import NotPortable, portable_model
from scoreback.models.portable.portability import hindrances
from scoreback.models.portable.thresholds import NEVER, cut_of, in_doubles
from scoreback.models.portable.words import words_of
from scoreback.models.training.training import Training
from scoreback.portable.model import digest, from_text, single
from scoreback.portable.scorer import in_words as plainly
from tests.unit.models.portable.conftest import FEATURES, MakeArtifact

_SINGLES = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(threshold=_SINGLES, number=st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_is_below_as_its_single_is_below(threshold: float, number: float) -> None:
    moved = float(in_doubles(np.array([threshold], dtype=np.float32))[0])
    with np.errstate(over="ignore"):  # next to the largest there is none
        near = [number, threshold, *(np.nextafter(threshold, way) for way in (-np.inf, np.inf))]
        near += [moved, float(np.nextafter(moved, -np.inf)), float(np.nextafter(moved, np.inf))]
    for each in filter(np.isfinite, near):
        assert (each < moved) == (single(each) < threshold), each


@given(number=st.floats(allow_nan=False))
def test_single_precision_is_numpys(number: float) -> None:
    highest = np.finfo(np.float32).max
    with np.errstate(over="ignore"):
        assert single(number) == np.clip(np.float32(number), -highest, highest)


@given(threshold=st.floats(0, 1), margin=st.floats(-80, 80, width=32))
def test_a_cut_decides_as_the_threshold_does(threshold: float, margin: float) -> None:
    cut = cut_of(threshold)
    near = [margin, *(float(np.nextafter(np.float32(cut), np.float32(w))) for w in (-9e9, 9e9))]
    for each in [*near, cut]:
        if abs(each) < NEVER:
            assert (each >= cut) == (score_of(np.array([each]))[0] >= threshold), each


def test_nothing_reaches_a_threshold_of_one() -> None:
    assert cut_of(1.0) == NEVER


@pytest.mark.parametrize("algorithm", algorithms())
def test_the_same_model_gives_the_same_text_and_comes_back(
    hard_artifact: MakeArtifact, algorithm: str
) -> None:
    text = portable_model(hard_artifact(algorithm), "v1").as_text()
    assert text == portable_model(hard_artifact(algorithm), "v1").as_text()
    assert from_text(text).as_text() == text
    assert len(digest(text)) == 64
    assert text.isascii()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value"),
        ("[]", "not a portable model"),
        ("{}", "not a portable model"),
        (
            '{"format":"scoreback-portable","format_version":2}',
            "not a portable model of this version",
        ),
    ],
)
def test_another_text_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        from_text(text)


def test_trees_that_lead_nowhere_are_refused(hard_artifact: MakeArtifact) -> None:
    text = portable_model(hard_artifact("xgboost"), "v1").as_text()
    begin = text.index('"left":[') + len('"left":[')
    with pytest.raises(ValueError, match="do not lead to leaves"):
        from_text(text[:begin] + "9" + text[begin:])


def test_window_features_are_refused_by_name(training: Training) -> None:
    with pytest.raises(NotPortable, match="'count' looks at earlier events") as raised:
        portable_model(training.artifact, "v1")
    assert "the service still scores it" in raised.value.hint


@pytest.mark.parametrize(
    ("given_feature", "why"),
    [
        ({"kind": "ngrams", "field": "url.path"}, "hashes parts"),
        ({"kind": "matches", "field": "url.path", "pattern": "x$"}, "RE2"),
        ({"kind": "hour_of_day", "field": "file.created"}, "text of file.created"),
        ({"kind": "day_of_week", "field": "file.created"}, "text of file.created"),
    ],
)
def test_features_that_mean_something_else_in_a_siem_are_refused(
    given_feature: dict[str, str], why: str
) -> None:
    (told,) = hindrances([EventFeature.model_validate({"name": "x"} | given_feature)])
    assert told.startswith("'x' ")
    assert why in told


def test_every_other_kind_is_portable() -> None:
    assert hindrances(FEATURES) == ()


@given(
    place=st.integers(0, len(FEATURES) - 1),
    number=st.floats(allow_nan=False, allow_infinity=False),
    text=st.text(min_size=1),
    whole=st.booleans(),
)
def test_reasons_say_it_in_the_words_of_the_service(
    place: int, number: float, text: str, *, whole: bool
) -> None:
    feature = FEATURES[place]
    value: float | str = text if feature.kind == "category" else number
    if feature.kind in ("hour_of_day", "day_of_week", "is_private_ip"):
        few = {"hour_of_day": 24, "day_of_week": 7, "is_private_ip": 2}[feature.kind]
        value = float(int(abs(number)) % few + (feature.kind == "day_of_week"))
    known = Norm(rows=50, missing=3, low=1.0, middle=2.0, high=3.5,
                 values={usual_of.digest("R"): Seen(40, 30, 3), "1": Seen(9, 4, 1),
                         usual_of.digest(text): Seen(9, 0, 0), "-4.0..1.0": Seen(20, 10, 5),
                         "1.5..2.0": Seen(20, 10, 3), "3.0..9.0": Seen(10, 10, 1)},
                 whole=whole)  # fmt: skip
    usual = Norms(
        unit="events", presumed=False, labelled=40, positives=4, features={feature.name: known}
    )
    for norms in (None, usual):
        words = words_of(feature, norms, ("R", text))
        for one in (value, "R") if isinstance(value, str) else (value,):
            assert plainly(words, one) == in_words(feature, one, norms)
        if isinstance(value, str):
            told = plainly(words, other := value + "R")
            assert told == in_words(feature, cut(other)) + (RARE if norms else "")
        assert plainly(words, None) == in_words(feature, None, norms)
