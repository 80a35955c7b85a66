import pytest

from scoreback.connectors.splunk.labels.dispositions import Dispositions, disposition_id
from scoreback.errors import SiemRefused
from scoreback.records import Verdict

SHIPPED = [
    {"_key": f"disposition:{n}", "label": label}
    for n, label in enumerate(
        ["Unassigned", "True Positive - Suspicious Activity", "Benign Positive - Expected",
         "False Positive - Logic", "False Positive - Data", "Other", "Undetermined"]
    )
]  # fmt: skip
STATUSES = [
    {"_key": "0", "label": "Unassigned"},
    {"_key": "1", "label": "New"},
    {"_key": "4", "label": "Resolved"},
    {"_key": "5", "label": "Closed"},
]


@pytest.mark.parametrize(
    ("disposition", "verdict"),
    [("disposition:1", Verdict.TRUE_POSITIVE), ("disposition:2", Verdict.BENIGN_POSITIVE),
     ("disposition:3", Verdict.FALSE_POSITIVE), ("disposition:4", Verdict.FALSE_POSITIVE),
     ("disposition:0", Verdict.UNDETERMINED), ("disposition:5", Verdict.UNDETERMINED),
     ("disposition:6", Verdict.UNDETERMINED), ("", Verdict.UNDETERMINED),
     (None, Verdict.UNDETERMINED), ("1", Verdict.TRUE_POSITIVE),
     ("disposition:7", Verdict.UNDETERMINED), ("nonsense", Verdict.UNDETERMINED)],
)  # fmt: skip
def test_a_disposition_says_what_splunk_documents_and_no_more(
    disposition: object, verdict: Verdict
) -> None:
    assert Dispositions.of(SHIPPED, STATUSES, {}).verdict(disposition) is verdict


@pytest.mark.parametrize("name", ["disposition:9", "9", "Red team", "red TEAM "])
def test_a_disposition_of_ones_own_is_named_by_its_id_or_its_label(name: str) -> None:
    lookup = [*SHIPPED, {"_key": "disposition:9", "label": "Red team"}]
    found = Dispositions.of(lookup, STATUSES, {name: Verdict.TRUE_POSITIVE})
    assert found.verdict("disposition:9") is Verdict.TRUE_POSITIVE
    assert found.verdict("disposition:8") is Verdict.UNDETERMINED


def test_what_ships_can_be_given_another_meaning() -> None:
    found = Dispositions.of(SHIPPED, STATUSES, {"disposition:2": Verdict.FALSE_POSITIVE})
    assert found.verdict("disposition:2") is Verdict.FALSE_POSITIVE
    none = Dispositions.of(SHIPPED, STATUSES, {"disposition:4": Verdict.UNDETERMINED})
    assert none.verdict("disposition:4") is Verdict.UNDETERMINED


def test_a_status_ends_the_work_where_the_lookup_says_so() -> None:
    numbered = [
        {"_key": "5", "label": "Resolved", "end": "false"},
        {"_key": "6", "label": "Zu", "end": "true"},
    ]
    found = Dispositions.of(SHIPPED, numbered, {})
    assert (found.ended("6"), found.ended("5")) == (True, False)
    by_name = Dispositions.of(SHIPPED, [{"_key": "9", "label": "Closed by tier 2"}], {})
    assert (by_name.ended("9"), by_name.ended("5")) == (True, False)
    assert Dispositions.of(SHIPPED, [], {}).ended("5")


def test_closing_uses_a_disposition_that_the_deployment_has() -> None:
    found = Dispositions.of(SHIPPED, STATUSES, {})
    assert found.closing(Verdict.FALSE_POSITIVE) == ("5", "disposition:3")
    assert found.closing(Verdict.UNDETERMINED) == ("5", "disposition:6")
    with pytest.raises(SiemRefused, match="no disposition"):
        Dispositions.of(SHIPPED[:2], STATUSES, {}).closing(Verdict.BENIGN_POSITIVE)


def test_what_is_no_disposition_has_no_id() -> None:
    assert [disposition_id(v) for v in ("x", "disposition:", "disposition:a", None, 3)] == [
        "", "", "", "", "disposition:3",
    ]  # fmt: skip
