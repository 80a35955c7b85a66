"""Checks of closing alerts, and of the labels that result."""

from datetime import timedelta

from scoreback.connectors.contract.data import (
    DAY,
    START,
    Subject,
    alerts,
    event_ids,
    expect,
    expect_refused,
    judged,
    labels_of,
    raise_one_alert,
)
from scoreback.connectors.doors import AlertQuery
from scoreback.records import LABEL_COLUMNS, LABEL_IDENTITY, Verdict

AT = START + timedelta(days=3)  # when the first alert is closed
HOUR = timedelta(hours=1)


def check_closing_an_alert_gives_a_label(subject: Subject) -> None:
    """A verdict becomes a label with its own time; another verdict becomes a later label."""
    alert_id = raise_one_alert(subject)
    closed = alerts(subject).close(alert_id, Verdict.FALSE_POSITIVE, labeller="ada", at=AT)
    expect(closed.verdict == Verdict.FALSE_POSITIVE, "a closed alert has no verdict")
    expect(closed.touched, "a closed alert counts as untouched")
    subject.settle()
    expect(
        not list(alerts(subject).find(AlertQuery(still_open=True))),
        "a closed alert is listed as open",
    )
    alerts(subject).close(alert_id, Verdict.TRUE_POSITIVE, labeller="bob", at=AT + HOUR)
    subject.settle()
    labels = labels_of(subject, START)
    expect(
        [(row["event_id"], row["verdict"], row["labeller"]) for row in labels]
        == [
            (event_ids([10])[0], "false_positive", "ada"),
            (event_ids([10])[0], "true_positive", "bob"),
        ],
        f"labels are {labels}",
    )
    expect(labels[0]["label_time"] < labels[1]["label_time"], "a later verdict is not later")
    named = {(row["alert_id"], row["rule"], row["withdrawn"]) for row in labels}
    expect(named == {(alert_id, "contract", False)}, f"labels name as their alert {named}")


def check_a_label_query_says_which_labels(subject: Subject) -> None:
    """Labels are those of ``[since, until)``, on alerts of the named rules if any are named."""
    alert_id = raise_one_alert(subject)
    for hours, labeller in enumerate(("ada", "bob")):
        alerts(subject).close(
            alert_id, Verdict.FALSE_POSITIVE, labeller=labeller, at=AT + hours * HOUR
        )
        subject.settle()
    later = labels_of(subject, START)[1]["label_time"]
    since = labels_of(subject, later)
    expect([row["labeller"] for row in since] == ["bob"], "since gives other labels")
    until = labels_of(subject, START, later)
    expect([row["labeller"] for row in until] == ["ada"], "until gives other labels")
    expect(len(labels_of(subject, START, rules=("contract",))) == 2, "labels of a rule are missing")
    expect(not labels_of(subject, START, rules=("other",)), "labels of another rule are returned")


def check_a_verdict_is_not_older_than_its_event(subject: Subject) -> None:
    """Closing an alert with a time before its event is refused and changes nothing."""
    alert_id = raise_one_alert(subject)
    (alert,) = alerts(subject).find()
    early = alert.event_time - timedelta(microseconds=1)
    expect_refused(
        lambda: alerts(subject).close(alert_id, Verdict.TRUE_POSITIVE, labeller="ada", at=early)
    )
    subject.settle()
    still = list(alerts(subject).find(AlertQuery(still_open=True)))
    expect(len(still) == 1, "the alert is closed all the same")
    expect(not labels_of(subject, START - 9 * DAY), "the verdict that was refused is a label")


def check_the_same_closing_told_again_changes_nothing(subject: Subject) -> None:
    """One closing is one label, however often it is repeated; another one is a later label."""
    alert_id = raise_one_alert(subject)
    times = []
    for hours in (0, 1, 0):
        closed = alerts(subject).close(
            alert_id, Verdict.FALSE_POSITIVE, labeller="ada", at=AT + hours * HOUR
        )
        times.append(closed.closed_at)
        subject.settle()
    expect(len(set(times)) == 1, f"the same closing has the times {times}")
    labels = labels_of(subject, START)
    expect(len(labels) == 1, f"one closing repeated three times gives {len(labels)} labels")
    expect(labels[0]["label_time"] == times[0], "an alert is closed at another time than its label")
    for verdict, labeller in (
        (Verdict.FALSE_POSITIVE, "bob"),
        (Verdict.TRUE_POSITIVE, "bob"),
        (Verdict.FALSE_POSITIVE, "ada"),
    ):
        alerts(subject).close(alert_id, verdict, labeller=labeller, at=AT)
        subject.settle()
    found = [row["label_time"] for row in labels_of(subject, START)]
    expect(len(found) == 4, f"four closings give {len(found)} labels")
    expect(len(set(found)) == 4, "two closings of an alert have the same time")


def check_a_reopened_alert_tells_that_its_verdicts_are_withdrawn(subject: Subject) -> None:
    """A label stays; a separate row says that it was withdrawn, and when."""
    alert_id = raise_one_alert(subject)
    for labeller in ("ada", "bob"):
        alerts(subject).close(alert_id, Verdict.FALSE_POSITIVE, labeller=labeller, at=AT)
        subject.settle()
    for _ in range(2):  # the second time it is open already
        opened = alerts(subject).reopen(alert_id, at=AT + HOUR)
        expect((opened.verdict, opened.closed_at) == (None, None), "a reopened alert looks closed")
        expect(opened.touched, "a reopened alert counts as untouched")
        subject.settle()
    expect(
        len(list(alerts(subject).find(AlertQuery(still_open=True)))) == 1,
        "a reopened alert is not listed",
    )
    labels = labels_of(subject, START)
    ends = [row["withdrawn"] for row in labels]
    expect(ends == [False, False, True, True], f"labels are {labels}")
    given, withdrawn = (
        {tuple(row[name] for name in LABEL_IDENTITY) for row in half}
        for half in (labels[:2], labels[2:])
    )
    expect(given == withdrawn, "a withdrawal names another label than the one that was given")
    expect(labels[1]["label_time"] < labels[2]["label_time"], "a verdict ends before it is given")
    # Also if the clock was set back.
    alerts(subject).close(alert_id, Verdict.FALSE_POSITIVE, labeller="ada", at=AT)
    subject.settle()
    labels = labels_of(subject, START)
    expect(len(labels) == 5, "closing a reopened alert again gives no new label")
    expect(not labels[4]["withdrawn"], "a new closing is withdrawn")
    expect(labels[3]["label_time"] < labels[4]["label_time"], "it is not later than the withdrawal")


def check_a_verdict_without_an_alert_is_told_whole(subject: Subject) -> None:
    """A verdict may name no raw event; the probability that its event was shown is kept."""
    if subject.judge is None:
        return
    times = {"since": START, "until": START + DAY}
    rows: list[dict[str, object]] = [
        {"event_id": "e00001", "verdict": "true_positive", "propensity": 0.25},
        {"entity": "10.0.0.1", **times, "verdict": "benign_positive", "rule": "their own"},
        {"event_id": "e00001", "verdict": "true_positive", "withdrawn": True},
    ]
    whole = [
        dict.fromkeys(LABEL_COLUMNS.names)
        | {"withdrawn": False, "labeller": "ada", "source": "export"}
        | {"label_time": START + hours * HOUR}
        | row
        for hours, row in enumerate(rows)
    ]
    for _ in range(2):
        subject.judge(judged(whole))
        subject.settle()
    found = labels_of(subject, START)
    expect(len(found) == len(rows), f"{len(rows)} verdicts sent twice give {len(found)} labels")
    for row, label in zip(whole, found, strict=True):
        differing = [name for name in LABEL_COLUMNS.names if label[name] != row[name]]
        expect(not differing, f"{differing} of a label differ from what was sent")


def check_an_unknown_alert_is_refused(subject: Subject) -> None:
    """Closing or reopening an alert that does not exist is refused."""
    expect_refused(lambda: alerts(subject).reopen("no-such-alert", at=START))
    expect_refused(
        lambda: alerts(subject).close(
            "no-such-alert", Verdict.FALSE_POSITIVE, labeller="ada", at=START
        )
    )
