"""Checks of the doors for scores and enrichments: each score is read exactly once."""

from datetime import timedelta

from scoreback.connectors.contract.data import (
    DAY,
    START,
    Subject,
    expect,
    expect_refused,
    read_scores,
    scores_of,
    seed_events,
    unit_score_of,
    write,
)
from scoreback.connectors.doors import ScoreQuery
from scoreback.records import Enrichment, Histogram, TimeWindow


def check_a_score_written_twice_is_read_once(subject: Subject) -> None:
    """However often and in whatever batches scores are written, a reader sees each once."""
    seed_events(subject, 20)
    first, overlapping = scores_of(subject, range(10)), scores_of(subject, range(5, 15))
    for scores in (first, overlapping, first):
        report = write(subject, scores)
        expect(not report.refused, f"a write gives {report}")
        counted = report.written + report.already_there
        expect(counted == scores.num_rows, f"a write of {scores.num_rows} scores gives {report}")
    subject.settle()
    rows = read_scores(subject)
    ids = [row["score_id"] for row in rows]
    expect(len(ids) == len(set(ids)) == 15, f"15 scores are read as {len(ids)}")
    times = [row["event_time"] for row in rows]
    expect(times == sorted(times), "scores are not in order of their events' time")
    wanted = {row["score_id"]: row for row in first.batch.to_pylist()}
    for row in rows:
        if row["score_id"] in wanted:
            sent = wanted[row["score_id"]]
            alike = all(row[name] == sent[name] for name in sent if name != "event_ref")
            expect(alike, f"a score is read as {row}, but was written as {sent}")


def check_what_is_stored_of_a_batch_can_be_told(subject: Subject) -> None:
    """`existing` returns the ids of exactly those scores of a batch that are stored."""
    seed_events(subject, 20)
    write(subject, scores_of(subject, range(10)))
    subject.settle()
    asked = scores_of(subject, range(5, 15))
    ids = asked.batch.column("score_id").to_pylist()
    found = subject.connector.scores.existing(asked)
    expect(found == set(ids[:5]), f"of 10 scores, 5 of them stored, {len(found)} are reported")
    none = scores_of(subject, range(15, 20))
    expect(not subject.connector.scores.existing(none), "scores are reported that nobody wrote")


def check_scores_can_be_read_by_version_stage_and_time(subject: Subject) -> None:
    """A reader gets the scores of the requested version, stage and time."""
    seed_events(subject, 20)
    write(subject, scores_of(subject, range(4)))
    write(subject, scores_of(subject, range(4), stage="shadow", version="v2-bb"))
    subject.settle()
    window = TimeWindow(since=START - DAY, until=START + DAY)

    def count(**asked: str) -> int:
        query = ScoreQuery(**{"detector": "contract", "window": window, **asked})  # type: ignore[arg-type]
        return sum(batch.num_rows for batch in subject.connector.scores.read(query))

    expect(count() == 8, "not all scores of a detector are read")
    expect(count(version="v2-bb") == count(stage="shadow") == 4, "version or stage is not kept")
    expect(count(detector="other") == 0, "scores of another detector are read")
    early = TimeWindow(since=START - DAY, until=START - timedelta(minutes=1))
    query = ScoreQuery(detector="contract", window=early, stage="live")
    found = sum(batch.num_rows for batch in subject.connector.scores.read(query))
    expect(found == 2, f"2 of 4 events happened before the window's end, {found} scores are read")


def check_a_score_of_a_unit_of_events_is_stored_like_any_other(subject: Subject) -> None:
    """Its id is no event's, and its ref names several events; it is stored once all the same."""
    seed_events(subject, 5)
    unit = unit_score_of(subject, range(3))
    for _ in range(2):
        report = write(subject, unit)
        expect(not report.refused, f"a write gives {report}")
    subject.settle()
    expect(subject.connector.scores.existing(unit) == {"contract-unit-score"}, "it is not stored")
    expect(len(read_scores(subject)) == 1, "it is not read once")


def check_enriching_twice_changes_nothing(subject: Subject) -> None:
    """Each enrichment that the connector offers accepts scores, and accepts them again."""
    door = subject.connector.enrichment
    if door is None:
        return
    seed_events(subject, 20)
    for how in Enrichment:
        if how in door.kinds:
            scores = scores_of(subject, range(5, 12))
            report = door.enrich(scores, how)
            expect((report.written, report.refused) == (7, ()), f"{how} gives {report}")
            subject.settle()
            report = door.enrich(scores_of(subject, range(5, 12)), how)
            expect(not report.refused, f"{how} a second time gives {report}")
        elif how != Enrichment.NONE:
            none = scores_of(subject, range(1))
            expect_refused(lambda: door.enrich(none, how))  # noqa: B023 - at once


def check_a_histogram_written_twice_is_read_once(subject: Subject) -> None:
    """The counts of a slice are read back as written, each slice once."""
    door = subject.connector.scores
    written = [
        Histogram(
            histogram_id=f"contract-h{n}",
            detector="contract",
            version="v1-aa",
            stage="live",
            since=START + timedelta(hours=n),
            until=START + timedelta(hours=n + 1),
            edges=(0.25, 0.5),
            counts={(START + timedelta(hours=n + m)).isoformat(): [n, m, 3] for m in range(2)},
        )
        for n in range(3)
    ]
    for _ in range(2):
        door.write_histograms(written, at=subject.now())
    subject.settle()
    everything = TimeWindow(since=START, until=START + DAY)
    found = [(h.histogram_id, h.edges, _counts(h)) for h in door.histograms("contract", everything)]
    expect(
        found == [(h.histogram_id, h.edges, _counts(h)) for h in written],
        f"histograms read {found}",
    )
    later = TimeWindow(since=START + timedelta(hours=1), until=START + timedelta(hours=2))
    expect(len(list(door.histograms("contract", later))) == 1, "the window is ignored")
    expect(
        not list(door.histograms("other", everything)), "histograms of another detector are read"
    )


def _counts(histogram: Histogram) -> dict[str, list[int]]:
    return {hour: list(counts) for hour, counts in sorted(histogram.counts.items())}
