"""The entity is whom alerts are about: by name, else what comes again, and a guess says so."""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pytest

from scoreback.models.detector.entity_choice import ITSELF, Entity, entity_among
from scoreback.models.detector.profile import profile

ROWS = 400
OTHERS = {
    "bytes": [str(i % 90) for i in range(ROWS)],
    "rule": [f"r{i % 60}" for i in range(ROWS)],
    "label": [("bad", "good")[i % 2] for i in range(ROWS)],
}


def chosen(
    columns: Mapping[str, Sequence[str]] | None = None, told: Mapping[str, float] | None = None
) -> Entity:
    table = pa.table(OTHERS | dict(columns or {}))
    return entity_among(profile(table, table.column_names), {"label"}, told or {})


@pytest.mark.parametrize(
    "name",
    ["host.name", "src_ip", "ComputerName", "id.orig_h", "user", "AccountName", "dst_ip", "SrcIP"],
)
def test_a_field_that_is_called_so_is_the_entity(name: str) -> None:
    found = chosen({name: [f"10.0.0.{i % 20}" for i in range(ROWS)]})
    assert found.field == name
    assert "20 values" in found.why
    assert "GUESS" not in found.why


def test_a_user_agent_is_nobody() -> None:
    assert chosen({"user_agent": [f"a{i % 20}" for i in range(ROWS)]}).field == "rule"


def test_without_such_a_name_what_comes_again_is_a_guess() -> None:
    found = chosen()
    assert found.field == "rule"
    assert "GUESS" in found.why


def test_the_most_telling_feature_is_not_guessed_at() -> None:
    assert chosen(told={"rule": 0.4, "bytes": 0.1}).field == ITSELF
    named = chosen({"host": [f"h{i % 9}" for i in range(ROWS)]}, {"host": 0.4, "bytes": 0.1})
    assert named.field == "host"
    assert "tells most about the label" in named.why


def test_where_nothing_names_anybody_each_event_stands_for_itself_and_that_is_said() -> None:
    table = pa.table({name: OTHERS[name] for name in ("bytes", "label")})
    found = entity_among(profile(table, table.column_names), {"label"}, {})
    assert found.field == ITSELF
    assert "have no effect" in found.why


def test_a_number_is_the_entity_only_under_its_full_name_and_says_that_it_is_one() -> None:
    numbers = [str(i % 20) for i in range(ROWS)]
    assert "NUMBER" in chosen({"user.id": numbers}).why
    assert chosen({"user": numbers}).field == "rule"


@pytest.mark.parametrize("name", ["uid", "customer_id", "EmployeeNumber"])
def test_a_number_that_is_called_somebodys_id_comes_before_a_guess(name: str) -> None:
    found = chosen({name: [str(5000 + i % 20) for i in range(ROWS)]})
    assert found.field == name
    assert "NUMBER" in found.why
    assert "GUESS" not in found.why
    named = chosen({name: [str(i % 20) for i in range(ROWS)], "host": ["a", "b"] * (ROWS // 2)})
    assert named.field == "host"
