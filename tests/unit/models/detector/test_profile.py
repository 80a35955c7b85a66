"""A field is what its values look like: texts, names, numbers, times, identifiers."""

from collections.abc import Sequence

import pyarrow as pa
import pytest

from scoreback.models.detector.profile import Field, profile
from scoreback.multivalue import cell

ROWS = 400
WORDS = ("mail", "cdn", "static", "news", "login", "a", "img", "api", "video")


def of(name: str, values: Sequence[str | None]) -> Field:
    (found,) = profile(pa.table({name: pa.array(values, pa.string())}), [name])
    return found


def domains(i: int) -> str:
    return f"{WORDS[i % 9]}{'x' * (i % 7)}{i}.{WORDS[i % 5]}{'-' * (i % 2)}corp.com"


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("bytes", [str(i * 3) for i in range(ROWS)], "number"),
        ("closed_ts", [str(1_650_000_000 + i) for i in range(ROWS)], "time"),
        ("bytes", [str(1_650_000_000 + i) for i in range(ROWS)], "number"),
        ("seen", [f"2026-01-{i % 28 + 1:02}" for i in range(ROWS)], "time"),
        ("seen", [f"01/{i % 28 + 1:02}/2026 02:52:32 PM" for i in range(ROWS)], "time"),
        ("ip", [f"10.0.0.{i % 250}" for i in range(ROWS)], "address"),
        ("cve", [f"CVE-2024-{i:05}" for i in range(ROWS)], "identifier"),
        ("uid", [f"C{i * 7919:x}aQ{i}zZ{i % 10}Kp{i % 7}b" for i in range(ROWS)], "identifier"),
        ("domain", [domains(i) for i in range(ROWS)], "text"),
        ("user", [f"user{i % 40}" for i in range(ROWS)], "name"),
        ("rule", ["short", "name", "abc", "x"] * 100, "name"),
        ("cmd", [f"/usr/bin/tool --number {i} --verbose" for i in range(ROWS)], "text"),
    ],
)
def test_the_kind_of_a_field(name: str, values: list[str], kind: str) -> None:
    assert of(name, values).kind == kind


def test_lists_are_profiled_by_each_of_their_values() -> None:
    found = of("tags", [cell(["a", "b"]), "a", None, cell(["a", "17"])])
    assert (found.present, found.distinct, found.missing) == (3, 3, 0.25)
    assert found.values[0] == "a"
    assert found.counts[0] == 3
    assert set(found.values) == {"a", "b", "17"}
