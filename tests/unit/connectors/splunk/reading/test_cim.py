"""Under which names a field is looked for in Splunk."""

from scoreback.connectors.splunk.reading.cim import CIM, candidates, fields_of


def test_a_name_that_the_detector_gives_is_the_only_one() -> None:
    assert candidates("source.ip", {"source.ip": "attacker"}) == ("attacker",)


def test_a_fields_own_name_comes_before_that_of_the_common_model() -> None:
    assert candidates("source.ip", {}) == ("source.ip", "source{}.ip", "source.ip{}", "src")
    assert candidates("weird", {}) == ("weird", "weird{}")


def test_what_events_have_is_told_by_names_that_can_be_asked_for() -> None:
    given = {"rule.id": "sid", "user.name": "who"}
    found = fields_of(["src", "sid", "tags{}", "a{}.b", "user", "host"], given)
    assert found == (
        "a.b", "host", "host.name", "rule.id", "sid", "source.ip", "src", "tags", "user",
    )  # fmt: skip
    for name in found:
        asked = candidates(name, given)
        assert set(asked) & {"src", "sid", "tags{}", "a{}.b", "user", "host"}


def test_the_table_names_each_field_once_and_in_order() -> None:
    assert list(CIM) == sorted(CIM)
