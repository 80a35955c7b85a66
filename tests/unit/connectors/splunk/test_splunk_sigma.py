"""Sigma rules become searches of Splunk without pipes, with its names for the fields of events."""

import copy

from scoreback.connectors.doors import SigmaTranslation
from scoreback.connectors.splunk.sigma import SplunkSigma


def translated(detection: dict[str, object]) -> SigmaTranslation:
    rule = {
        "title": "T", "logsource": {"product": "linux"},
        "detection": {**detection, "condition": "s"},
    }  # fmt: skip
    before = copy.deepcopy(rule)
    found = SplunkSigma().translate(rule)
    assert rule == before
    return found


def test_fields_that_are_called_otherwise_in_splunk_are_named_beside_the_search() -> None:
    fields = {"process.executable": "Image", "event.code": "EventID", "user": "user",
              "host.name": "", "odd.entity": ""}  # fmt: skip
    found = translated({"s": {"a": "b"}}).selection("d", fields)
    assert found == {
        "search": 'a="b"',
        "fields": {"process.executable": "Image", "event.code": "EventCode", "host.name": "host"},
    }


def test_a_selection_without_renamed_fields_has_the_search_alone() -> None:
    assert translated({"s": {"a": "b"}}).selection("d", {"a": "a"}) == {"search": 'a="b"'}


def test_what_needs_a_pipe_is_no_selection() -> None:
    found = translated({"s": {"a|re": "x.*y"}})
    assert "needs a pipe" in found.why_not
    assert not found.words


def test_a_bar_within_a_value_is_no_pipe() -> None:
    assert translated({"s": {"a": "x | y"}}).words == {"search": 'a="x | y"'}


def test_a_sign_for_one_character_comes_with_a_hint() -> None:
    assert any("?" in hint for hint in translated({"s": {"a": "x?y"}}).hints)
    assert not any("?" in hint for hint in translated({"s": {"a": "xy"}}).hints)


def test_names_of_fields_are_left_to_those_who_name_events() -> None:
    assert not translated({"s": {"Image": "b"}}).names
