"""A draft uses what can tell, leaves out what cannot or what tells too much, and says why."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.models.detector.draft import Draft, draft
from scoreback.models.detector.file import load_detector
from scoreback.models.detector.spec import Detector

ROWS = 600


def sample(**columns: Sequence[str | None]) -> pa.Table:
    given: dict[str, Sequence[str | None]] = {
        "host.name": [f"h{i % 40}" for i in range(ROWS)],
        "rule.id": [f"r{i % 9}" for i in range(ROWS)],
        "network.bytes": [str(i * 7919 % 5003) for i in range(ROWS)],
        "process.command_line": [f"/usr/bin/tool --number {i} --verbose" for i in range(ROWS)],
        "event.hash": [f"{i:032x}" for i in range(ROWS)],
        "source.ip": [f"10.0.{i % 50}.7" for i in range(ROWS)],
        "sensor": ["s1"] * ROWS,
        "closed.as": ["true positive" if i % 30 == 0 else "benign" for i in range(ROWS)],
        "event.created": ["2026-01-01T00:00:00Z" if i % 2 else "2026-01-02" for i in range(ROWS)],
        "closed.at": [f"2026-01-{i % 28 + 1:02}T00:00:00Z" for i in range(ROWS)],
        "analyst_notes": [f"seen {i % 7}" for i in range(ROWS)],
        "row_number": [str(70_000 - i * 3) for i in range(ROWS)],
        "ticket.resolution": [f"see ticket {i}" for i in range(ROWS)],
    }
    return pa.table({**given, **columns})


def drafted(table: pa.Table) -> Draft:
    names = [name for name in table.column_names if name != "event_time"]
    return draft("my_detector", "local", {"stream": "alerts"}, table, names)


def loaded(found: Draft, folder: Path) -> Detector:
    path = folder / "my_detector.yml"
    path.write_text(found.text)
    return load_detector(path)


def use(found: Draft, field: str) -> list[str]:
    return [choice.use for choice in found.choices if choice.field == field]


def test_a_draft_is_a_valid_detector(tmp_path: Path) -> None:
    detector = loaded(drafted(sample()), tmp_path)
    assert detector.entity == "host.name"
    assert detector.labels.field is not None
    assert detector.labels.field.name == "closed.as"
    assert detector.labels.field.positive == ["true positive"]
    assert detector.labels.field.negative == ["benign"]
    assert detector.labels.field.time == "closed.at"
    kinds = {(feature.kind, feature.field) for feature in detector.features}
    assert {
        ("category", "rule.id"), ("number", "network.bytes"), ("ngrams", "process.command_line"),
        ("is_private_ip", "source.ip"), ("count", None), ("rarity", "rule.id"),
    } <= kinds  # fmt: skip


@pytest.mark.parametrize(
    ("field", "why"),
    [
        ("event.hash", "identifiers"),
        ("sensor", "always 's1'"),
        ("event.created", "time"),
        ("ticket.resolution", "after the answer is known"),
        ("analyst_notes", "after the answer is known"),
        ("row_number", "one after the other"),
    ],
)
def test_what_is_left_out_says_why(field: str, why: str) -> None:
    found = drafted(sample())
    assert "left out" in use(found, field)
    assert any(why in choice.why for choice in found.choices if choice.field == field)
    assert field not in found.text.split("features:")[1]


def test_a_label_that_cannot_be_one_is_refused_with_its_reason() -> None:
    table = sample().drop_columns(["closed.as"])
    many = table.append_column("verdict", pa.array([f"case {i}" for i in range(ROWS)]))
    found = drafted(many.append_column("label", pa.array(["benign"] * ROWS)))
    refused = {c.field: c.why for c in found.choices if c.use == "refused as a label"}
    assert "it has 600 values" in refused["verdict"]
    assert "only value is 'benign'" in refused["label"]
    assert not found.complete
    assert "verdicts: {join: event}" in found.text


def test_a_word_of_a_label_inside_a_name_makes_no_label() -> None:
    found = drafted(
        sample(**{"labels.attack_complexity": [("L", "H")[i % 2] for i in range(ROWS)]})
    )
    assert use(found, "labels.attack_complexity") == ["features"]


def test_a_label_never_becomes_a_feature() -> None:
    found = drafted(sample(attack=["1" if i % 50 == 0 else "0" for i in range(ROWS)]))
    inputs = found.text.split("features:")[1]
    assert "attack" not in inputs
    assert "closed.as" not in inputs


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,8}(\.[a-z_]{1,8})?", fullmatch=True),
        st.lists(st.none() | st.text(max_size=30), min_size=12, max_size=12),
        min_size=1, max_size=6,
    )
)  # fmt: skip
def test_whatever_the_sample_holds_the_draft_is_a_detector(
    tmp_path_factory: pytest.TempPathFactory, columns: dict[str, list[str | None]]
) -> None:
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    loaded(drafted(table), tmp_path_factory.mktemp("draft"))


def test_what_the_label_was_decided_with_is_no_input() -> None:
    start = np.datetime64("2026-01-01T00:00:00", "us")
    when = start + np.arange(ROWS).astype("timedelta64[h]")
    later = [f"{moment}Z" for moment in when + np.timedelta64(5, "h")]
    table = pa.table(
        {
            "event_time": pa.array(when.astype("int64"), pa.timestamp("us", "UTC")),
            "host.name": [f"h{i % 40}" for i in range(ROWS)],
            "tri_exploited": ["yes" if i % 20 == 0 else "no" for i in range(ROWS)],
            "tri_effort": [("low", "high")[i % 3 == 0] for i in range(ROWS)],
            "tri_timestamp": later,
            "cvss_score": [str(i % 90) for i in range(ROWS)],
        }
    )
    found = drafted(table)
    assert use(found, "tri_timestamp") == ["label time"]
    assert use(found, "tri_effort") == ["left out"]
    assert use(found, "cvss_score") == ["features"]


def test_a_field_that_no_file_can_name_is_left_out_with_the_way_to_load_it(tmp_path: Path) -> None:
    found = drafted(sample(**{"Is Malicious": ["1" if i % 9 else "0" for i in range(ROWS)]}))
    assert loaded(found, tmp_path)
    (choice,) = (c for c in found.choices if c.field == "Is Malicious")
    assert "it may be the label" in choice.why
    assert "--field is_malicious='Is Malicious'" in choice.why


def test_the_answer_under_another_name_is_no_input() -> None:
    steps = ["dga" if i % 30 == 0 else "none" for i in range(ROWS)]
    found = drafted(sample(family=steps))
    assert use(found, "family") == ["left out"]
    assert "family" not in found.text.split("features:")[1]


def test_a_wide_event_is_drafted_with_the_fields_that_tell_most(tmp_path: Path) -> None:
    wide = {f"f{n}": [f"v{(i * (n + 1)) % 7}" for i in range(ROWS)] for n in range(300)}
    detector = loaded(drafted(sample(**wide)), tmp_path)
    assert 100 <= len(detector.features) <= 120


def test_without_a_label_the_file_says_where_answers_can_come_from(tmp_path: Path) -> None:
    table = sample().drop_columns(["closed.as"])
    odd = {
        "qa": [("0", "1")[i % 9 == 0] for i in range(ROWS)],
        "qb": [("0", "1")[i % 8 == 0] for i in range(ROWS)],
    }
    for name, values in odd.items():
        table = table.append_column(name, pa.array(values))
    found = drafted(table)
    assert not found.complete
    assert loaded(found, tmp_path).labels.verdicts is not None
    assert "scoreback verdict" in " ".join(found.text.replace("#", "").split())
    assert "field: {name: qa, positive: ['1'], negative: ['0']}" in found.text


def test_a_time_that_only_labelled_events_have_is_the_labels_own() -> None:
    start = np.datetime64("2026-01-01T00:00:00", "us")
    when = start + np.arange(ROWS).astype("timedelta64[h]")
    judged = [i % 3 != 0 for i in range(ROWS)]
    later = [f"{t}Z" if j else None for t, j in zip(when + np.timedelta64(9, "h"), judged,
                                                   strict=True)]  # fmt: skip
    table = pa.table(
        {
            "event_time": pa.array(when.astype("int64"), pa.timestamp("us", "UTC")),
            "host.name": [f"h{i % 40}" for i in range(ROWS)],
            "triage": [
                None if not j else "P1-confirmed" if i % 20 == 1 else "closed-noise"
                for i, j in enumerate(judged)
            ],
            "erledigt": later,
            "end": [f"{moment}Z" for moment in when + np.timedelta64(1, "h")],
        }
    )
    found = drafted(table)
    assert use(found, "triage") == ["label"]
    assert use(found, "erledigt") == ["label time"]
    assert use(found, "end") == ["left out"]


def test_without_a_label_fields_of_few_values_are_named_with_them() -> None:
    table = sample().drop_columns(["closed.as"])
    befund = [("Fehlalarm", "Harmlos", "Angriff")[i % 3] for i in range(ROWS)]
    found = drafted(table.append_column("befund", pa.array(befund)))
    assert not found.complete
    assert "Could it be 'befund'? Its values: " in found.text
    assert "'Angriff'" in found.text
