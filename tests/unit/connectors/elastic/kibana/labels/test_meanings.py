"""What closing reasons and tags mean: a table, and never a guess."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.connectors.elastic.kibana.labels.meanings import (
    DUPLICATE,
    IGNORE,
    SHIPPED,
    Meanings,
)
from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.errors import ConfigError
from scoreback.records import Verdict

TRUE, FALSE, BENIGN, UNKNOWN = (
    Verdict.TRUE_POSITIVE, Verdict.FALSE_POSITIVE, Verdict.BENIGN_POSITIVE, Verdict.UNDETERMINED,
)  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "tags", "said"),
    [
        ("true_positive", (), TRUE),
        ("benign_positive", (), BENIGN),
        ("False_Positive ", (), FALSE),
        ("duplicate", (), DUPLICATE),
        ("automated_closure", (), IGNORE),
        ("other", (), UNKNOWN),
        ("Red team", (), UNKNOWN),
        (None, (), UNKNOWN),
        ("", ("False Positive",), FALSE),
        ("other", ("False Positive",), UNKNOWN),  # the reason is what was said last
        (None, ("Duplicate",), DUPLICATE),
        (None, ("Duplicate", "True Positive"), TRUE),
        (None, ("True Positive", "False Positive"), UNKNOWN),
        (None, ("Further investigation required", "ticket-9"), UNKNOWN),
        (None, ("none",), UNKNOWN),
    ],
)
def test_elastics_own_reasons_and_tags(
    reason: str | None, tags: tuple[str, ...], said: str
) -> None:
    assert Meanings({}).of(reason, tags) == said


def test_the_settings_count_more_than_elastics_own() -> None:
    own = Meanings({"Red Team": BENIGN, "other": IGNORE, "none": IGNORE, "duplicate": FALSE,
                    "noisy": IGNORE})  # fmt: skip
    assert own.of("red team ") == BENIGN
    assert [own.of(reason) for reason in ("other", None, "duplicate")] == [IGNORE, IGNORE, FALSE]
    assert own.of(None, ["Noisy"]) == IGNORE
    assert own.of(None, ["Noisy", "False Positive"]) == FALSE


@given(reason=st.text(), own=st.dictionaries(st.text(), st.sampled_from([TRUE, FALSE, IGNORE])))
def test_what_stands_in_no_table_is_undetermined(reason: str, own: dict[str, Verdict]) -> None:
    meanings = Meanings(own)
    named = {name.strip().lower() for name in (*own, *SHIPPED, DUPLICATE)}
    if reason and reason.strip().lower() not in named:
        assert meanings.of(reason) is UNKNOWN
        assert not meanings.knows(reason)
    elif reason:
        assert meanings.knows(reason)


def test_a_meaning_that_is_none_is_refused_by_the_settings() -> None:
    given = {"hosts": ["http://h:9200"], "kibana": "http://h:5601", "verdicts": {"x": "maybe"}}
    with pytest.raises(ConfigError, match="verdicts"):
        ElasticSettings.of("siem", given)
    with pytest.raises(ConfigError, match="kibana"):
        ElasticSettings.of("siem", {"hosts": given["hosts"], "verdicts": {"x": "ignore"}})
    known = ElasticSettings.of("siem", given | {"verdicts": {"x": "ignore", "y": "true_positive"}})
    assert known.verdicts == {"x": "ignore", "y": TRUE}
