from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from scoreback.connectors.closings import Closing, standing
from scoreback.connectors.splunk.labels.dispositions import Dispositions
from scoreback.connectors.splunk.labels.reviews import MARK, Change, change_of, told

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
MEANT = Dispositions()
NEW, WORK, CLOSED = "1", "2", "5"
TRUE, FALSE, NONE = "disposition:1", "disposition:3", "disposition:6"


def change(
    hour: int, status: str, disposition: str, reviewer: str = "ada", *, ours: bool = False
) -> Change:
    return Change(
        finding="f", at=START + timedelta(hours=hour), status=status, disposition=disposition,
        reviewer=reviewer, is_ours=ours, order=hour,
    )  # fmt: skip


def rows(*changes: Change, own: tuple[Closing, ...] = ()) -> list[tuple[int, str, str, bool]]:
    return [
        (int((c.label_time - START) / timedelta(hours=1)), c.verdict, c.labeller, c.withdrawn)
        for c in told(changes, MEANT, own)
    ]


def test_closing_a_finding_is_a_verdict() -> None:
    assert rows(change(1, WORK, NONE), change(2, CLOSED, TRUE)) == [
        (2, "true_positive", "ada", False)
    ]


def test_a_disposition_counts_before_the_finding_is_closed_and_once() -> None:
    found = rows(change(1, WORK, FALSE), change(2, CLOSED, FALSE))
    assert found == [(1, "false_positive", "ada", False)]


def test_a_comment_on_a_closed_finding_is_nobodys_verdict() -> None:
    found = rows(change(1, CLOSED, TRUE), change(2, CLOSED, TRUE, "bob"))
    assert found == [(1, "true_positive", "ada", False)]


def test_another_disposition_is_another_label() -> None:
    found = rows(change(1, CLOSED, FALSE), change(2, CLOSED, TRUE, "bob"))
    assert found == [(1, "false_positive", "ada", False), (2, "true_positive", "bob", False)]


def test_reopening_withdraws_all_that_stands_until_it_is_closed_again() -> None:
    found = rows(
        change(1, CLOSED, FALSE), change(2, CLOSED, TRUE, "bob"), change(3, WORK, TRUE, "eve"),
        change(4, WORK, TRUE, "eve"), change(5, CLOSED, TRUE, "bob"),
    )  # fmt: skip
    assert found == [
        (1, "false_positive", "ada", False),
        (2, "true_positive", "bob", False),
        (3, "false_positive", "ada", True),
        (3, "true_positive", "bob", True),
        (5, "true_positive", "bob", False),
    ]


def test_closing_without_a_finding_is_told_as_undetermined() -> None:
    assert rows(change(1, CLOSED, NONE)) == [(1, "undetermined", "ada", False)]
    assert rows(change(1, WORK, NONE)) == []


def test_a_disposition_that_is_taken_away_is_withdrawn() -> None:
    found = rows(change(1, WORK, TRUE), change(2, WORK, NONE))
    assert found == [(1, "true_positive", "ada", False), (2, "true_positive", "ada", True)]


def test_what_we_wrote_ourselves_is_told_by_our_own_collection_alone() -> None:
    ours = change(2, CLOSED, TRUE, "svc", ours=True)
    own = Closing(
        verdict="true_positive", labeller="ada", label_time=START + timedelta(hours=1),
        withdrawn=False,
    )  # fmt: skip
    assert rows(ours, own=(own,)) == []
    reopened = change(3, WORK, NONE, "bob")
    assert rows(ours, reopened, own=(own,)) == [(3, "true_positive", "ada", True)]
    by_us = change(3, NEW, NONE, "svc", ours=True)
    assert rows(ours, by_us, own=(own,)) == []


CHANGES = st.lists(
    st.tuples(
        st.sampled_from([NEW, WORK, CLOSED]),
        st.sampled_from([TRUE, FALSE, NONE, "disposition:2", ""]),
        st.sampled_from(["ada", "bob"]),
    ),
    max_size=12,
)


@given(CHANGES)
def test_a_finding_that_is_open_after_it_was_closed_has_no_verdict_of_then(
    drawn: list[tuple[str, str, str]],
) -> None:
    changes = [change(n, *one) for n, one in enumerate(drawn)]
    history = told(changes, MEANT)
    times = [closing.label_time for closing in history]
    assert times == sorted(times)
    stands = [history[n] for n in standing(history)]
    reopened = [
        n for n in range(1, len(changes))
        if MEANT.ended(changes[n - 1].status) and not MEANT.ended(changes[n].status)
    ]  # fmt: skip
    if reopened:
        last = changes[reopened[-1]].at
        assert all(closing.label_time > last for closing in stands)


@given(CHANGES)
def test_rows_that_are_read_twice_tell_the_same(drawn: list[tuple[str, str, str]]) -> None:
    changes = [change(n, *one) for n, one in enumerate(drawn)]
    assert told([*changes, *changes], MEANT) == told(changes, MEANT)


def test_who_quotes_our_mark_still_speaks_for_themselves() -> None:
    row = {"rule_id": "f", "status": CLOSED, "disposition": TRUE, "comment": f"see {MARK}"}
    assert not change_of({**row, "reviewer": "ada"}, START, 0, "svc").is_ours
    assert change_of({**row, "user": "svc"}, START, 0, "svc").is_ours
    assert not change_of({**row, "user": "svc", "comment": ""}, START, 0, "svc").is_ours
