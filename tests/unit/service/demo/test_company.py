from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from numpy.typing import NDArray

from scoreback.records import EVENT_COLUMNS, EventBatch, LabelBatch
from scoreback.service.demo import SYNTHETIC_NOTICE
from scoreback.service.demo.alerts import AMBIGUOUS_RULE, NOISY_RULES
from scoreback.service.demo.company import STREAMS, Company, Day, StreamName
from scoreback.service.demo.difficulty import Difficulty

START = datetime(2026, 9, 7, tzinfo=UTC)
Days = dict[StreamName, list[Day]]
Verdicts = dict[StreamName, pa.Table]
every_stream = pytest.mark.parametrize("stream", STREAMS)


def joined(days: list[Day]) -> tuple[pa.Table, pa.Table]:
    return pa.concat_tables([d.events for d in days]), pa.concat_tables([d.truth for d in days])


def delay_minutes(events: pa.Table) -> NDArray[np.float64]:
    moments = (events[c].cast(pa.int64()).to_numpy() for c in ("arrival_time", "event_time"))
    return np.asarray(np.subtract(*moments) / 60e6)


def share(mask: pa.ChunkedArray) -> float:
    return float(pc.mean(mask.cast(pa.float64())).as_py())


@every_stream
def test_the_same_seed_gives_the_same_company(stream: StreamName) -> None:
    first, again, other = (list(Company(s, START, 3).days(stream)) for s in (7, 7, 8))
    assert [d.events for d in first] == [d.events for d in again]
    assert [d.truth for d in first] == [d.truth for d in again]
    assert first[0].events != other[0].events


@every_stream
def test_a_longer_simulation_begins_like_a_shorter_one(stream: StreamName, days: Days) -> None:
    shorter = list(Company(7, START, 3).days(stream))
    assert [d.events for d in shorter] == [d.events for d in days[stream][:3]]
    assert [d.truth for d in shorter] == [d.truth for d in days[stream][:3]]


@every_stream
def test_events_are_what_a_connector_hands_on_and_ids_are_unique(
    stream: StreamName, days: Days
) -> None:
    events, _ = joined(days[stream])
    with_ref = events.add_column(1, EVENT_COLUMNS.field("event_ref"), events["event_id"])
    batch = EventBatch(with_ref.combine_chunks().to_batches()[0])
    assert "host.name" in batch.fields
    assert pc.count_distinct(events["event_id"]).as_py() == events.num_rows


@every_stream
def test_each_day_holds_what_arrived_on_it_in_order_of_arrival(
    stream: StreamName, days: Days
) -> None:
    for day in days[stream]:
        arrival = day.events["arrival_time"]
        assert pc.min(arrival).as_py() >= day.since
        assert pc.max(arrival).as_py() < day.since + timedelta(days=1)
        assert (np.diff(arrival.cast(pa.int64()).to_numpy()) >= 0).all()
        assert pc.all(pc.less(day.events["event_time"], arrival)).as_py()


@every_stream
def test_truth_goes_row_by_row_with_the_events_and_is_not_in_them(
    stream: StreamName, days: Days
) -> None:
    events, truth = joined(days[stream])
    assert events["event_id"].equals(truth["event_id"])
    assert not set(truth.column_names) & (set(events.column_names) - {"event_id"})


@pytest.mark.parametrize(
    ("stream", "fewest", "most"),
    [("endpoint", 800, 1500), ("alerts", 400, 700), ("vulnerabilities", 80, 150)],
)
def test_volumes_and_attacks_are_those_of_a_small_company(
    stream: StreamName, fewest: int, most: int, days: Days
) -> None:
    events, truth = joined(days[stream])
    assert fewest < events.num_rows / 40 < most
    assert 0.005 < share(truth["attack"]) < 0.03


def test_scale_multiplies_volume() -> None:
    def rows(scale: float) -> int:
        return sum(d.events.num_rows for d in Company(7, START, 3, scale).days("alerts"))

    assert 2.5 < rows(3.0) / rows(1.0) < 3.5


def test_the_stated_share_of_events_is_late_and_the_rest_is_in_time(days: Days) -> None:
    events, _ = joined(days["endpoint"])
    minutes = delay_minutes(events)
    late = minutes > 5
    assert 0.04 < late.mean() < 0.06
    assert minutes[late].min() >= 10
    assert minutes.max() <= 120
    punctual = Company(7, START, 2, difficulty=Difficulty(late_share=0.0))
    for day in punctual.days("endpoint"):
        assert delay_minutes(day.events).max() < 5


@every_stream
def test_fields_hold_nulls_empty_strings_and_letters_beyond_ascii(
    stream: StreamName, days: Days
) -> None:
    events, _ = joined(days[stream])
    cells = [v for name in events.column_names[3:] for v in events[name].unique().to_pylist()]
    assert None in cells
    assert "" in cells
    assert not all((c or "").isascii() for c in cells)
    assert events["host.name"].null_count == 0


def test_a_few_noisy_rules_make_most_alerts(days: Days) -> None:
    events, truth = joined(days["alerts"])
    noisy = pc.is_in(events["rule.id"], pa.array(sorted(NOISY_RULES)))
    assert share(noisy) > 0.55
    assert share(truth["attack"].filter(noisy)) < 0.015


def test_one_rule_means_an_attack_on_servers_and_nothing_on_developers_machines(
    days: Days,
) -> None:
    events, truth = joined(days["alerts"])

    def precision(group: str) -> float:
        same = pc.equal(events["rule.id"], AMBIGUOUS_RULE)
        here = pc.and_(same, pc.equal(events["labels.host_group"], group))
        assert pc.sum(here).as_py() > 50
        return share(truth["attack"].filter(here))

    assert precision("server") > 0.3
    assert precision("developer") < 0.03


def test_a_rule_always_has_the_same_name_and_severity(days: Days) -> None:
    events, _ = joined(days["alerts"])
    seen = events.select(["rule.id", "rule.name", "event.severity"]).group_by(
        ["rule.id", "rule.name", "event.severity"]
    )
    assert seen.aggregate([]).num_rows == pc.count_distinct(events["rule.id"]).as_py()


@pytest.mark.parametrize(
    ("stream", "drift", "new_attack"),
    [
        ("endpoint", "fleet_agent", "cloud_theft"),
        ("alerts", "roll_out", "cloud_theft"),
        ("vulnerabilities", "container_flood", "tools_exploited"),
    ],
)
def test_drift_and_new_attack_begin_on_their_days(
    stream: StreamName, drift: str, new_attack: str, days: Days
) -> None:
    first: dict[str, int] = {}
    for day in days[stream]:
        for name in pc.unique(day.truth["behaviour"]).to_pylist():
            first.setdefault(name, day.index)
    assert 28 <= first[drift] <= 30
    assert 26 <= first[new_attack] <= 31
    assert all(start == 0 or name in (drift, new_attack) or start < 20
               for name, start in first.items())  # fmt: skip


def test_a_campaign_shows_in_both_streams_on_the_same_machine(days: Days) -> None:
    def campaigns(stream: StreamName) -> set[tuple[str, str]]:
        events, truth = joined(days[stream])
        pairs = zip(truth["incident"].to_pylist(), events["host.name"].to_pylist(), strict=True)
        return {(i, h) for i, h in pairs if i and " burst " in i}

    both = campaigns("endpoint") & campaigns("alerts")
    assert len(both) > 50
    assert {name.split()[0] for name, _ in both} == {
        "lateral_movement", "server_intrusion", "cloud_theft",
    }  # fmt: skip


def test_a_campaign_touches_many_destinations_within_the_hour(days: Days) -> None:
    events, truth = joined(days["endpoint"])
    table = truth.select(["incident"]).append_column("to", events["destination.ip"])
    named = table.filter(pc.match_substring(table["incident"], "lateral_movement burst"))
    touched = named.group_by("incident").aggregate([("to", "count_distinct")])
    assert pc.mean(touched["to_count_distinct"]).as_py() > 2
    assert pc.max(touched["to_count_distinct"]).as_py() >= 5


def test_exploitation_is_known_when_it_happens_and_its_absence_after_the_watch(
    days: Days,
) -> None:
    events, truth = joined(days["vulnerabilities"])
    answer, attack = events["labels.exploited"], truth["attack"]
    assert answer.null_count == events["labels.assessed_at"].null_count
    assert 0.02 < answer.null_count / events.num_rows < 0.08
    waited = pc.subtract(
        pc.strptime(pc.utf8_slice_codeunits(events["labels.assessed_at"], 0, 19),
                    format="%Y-%m-%dT%H:%M:%S", unit="us").cast(pa.int64()),
        events["event_time"].cast(pa.int64()),
    )  # fmt: skip
    waited_days = pc.divide(waited.cast(pa.float64()), 86_400e6)
    yes, no = pc.equal(answer, "yes"), pc.equal(answer, "no")
    assert pc.max(waited_days.filter(yes)).as_py() <= 4
    assert pc.min(waited_days.filter(no)).as_py() > 3.99
    assert share(attack.filter(yes)) == 1.0
    assert 0 < share(attack.filter(no)) < 0.005


@pytest.mark.parametrize("stream", ["endpoint", "alerts"])
def test_the_teams_verdicts_are_labels_that_come_after_the_event(
    stream: StreamName, verdicts: Verdicts, days: Days
) -> None:
    labels = verdicts[stream]
    batch = LabelBatch(labels.combine_chunks().to_batches()[0])
    assert batch.num_rows == labels.num_rows
    events, _ = joined(days[stream])
    both = labels.join(events.select(["event_id", "arrival_time"]), "event_id", join_type="inner")
    assert both.num_rows == labels.num_rows
    assert pc.all(pc.greater(both["label_time"], both["arrival_time"])).as_py()
    times = labels["label_time"].cast(pa.int64()).to_numpy()
    assert (np.diff(times) >= 0).all()


def test_findings_have_a_label_field_and_no_verdicts(company: Company) -> None:
    assert company.verdicts("vulnerabilities").num_rows == 0


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Company(7, datetime(2026, 9, 7)), "no time zone"),  # noqa: DTZ001
        (lambda: Company(7, START + timedelta(hours=1)), "midnight"),
        (lambda: Company(7, START, days=0), "days is 0"),
        (lambda: Company(7, START, scale=0), "scale is 0"),
        (lambda: Difficulty(late_share=1.5), "late_share must be within 0..1, not 1.5"),
        (lambda: Difficulty(blur=0.0), "blur must be above 0 and at most 1, not 0.0"),
        (lambda: Difficulty(late_minutes=(9, 3)), "late_minutes"),
    ],
)
def test_what_makes_no_company_is_refused_by_name(make: Callable[[], object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make()


def test_a_start_in_another_time_zone_is_the_same_moment() -> None:
    there = datetime(2026, 9, 7, 2, tzinfo=timezone(timedelta(hours=2)))
    [one] = Company(7, there, 1).days("alerts")
    [other] = Company(7, START, 1).days("alerts")
    assert one.events == other.events


def test_a_tiny_company_of_one_day_works() -> None:
    for stream in STREAMS:
        [day] = Company(1, START, 1, scale=0.01).days(stream)
        assert day.events.num_rows > 0


def test_figures_can_be_marked_as_synthetic() -> None:
    assert "synthetic" in SYNTHETIC_NOTICE
