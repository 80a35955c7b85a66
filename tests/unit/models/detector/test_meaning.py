"""Words of a label's values tell what they mean, and unknown words are not guessed at."""

import pytest

from scoreback.models.detector.meaning import meaning_of, says_itself, words_of


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        ("malicious", "positive"),
        ("True Positive - Suspicious Activity", "positive"),
        ("true_positive", "positive"),
        ("TP", "positive"),
        ("External-Attack-to-Device", "positive"),
        ("False Negative", "positive"),
        ("1", "positive"),
        ("P1-confirmed", "positive"),
        ("not confirmed", "negative"),
        ("confirmed false positive", "negative"),
        ("Confirmed Benign", "negative"),
        ("Benign", "negative"),
        ("Benign Positive - Suspicious But Expected", "negative"),
        ("False Positive - Incorrect Analytic Logic", "negative"),
        ("falsePositive", "negative"),
        ("BTP", "negative"),
        ("not malicious", "negative"),
        ("no threat", "negative"),
        ("-", "negative"),
        ("false", "negative"),
        ("Undetermined", "open"),
        ("in progress", "open"),
        ("n/a", "open"),
        ("dirb", None),
        ("critical", None),
        ("", None),
    ],
)
def test_a_value_means_what_its_words_say(value: str, meaning: str | None) -> None:
    assert meaning_of(value) == meaning


def test_a_bare_yes_needs_the_name_of_its_field() -> None:
    assert says_itself("malicious")
    assert not says_itself("1")
    assert not says_itself("dirb")


def test_names_are_the_same_however_they_are_joined() -> None:
    assert words_of("isBad") == words_of("is_bad") == words_of("is.bad") == ["is", "bad"]
