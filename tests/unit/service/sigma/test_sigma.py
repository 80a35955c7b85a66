"""Sigma rules become drafts; whatever cannot be used is refused with the file and the reason."""

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from scoreback.connectors import registry
from scoreback.connectors.doors import SigmaTranslation
from scoreback.errors import ConfigError
from scoreback.models.detector.draft import flow
from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import Detector
from scoreback.service.cli import app
from scoreback.service.sigma import sigma_job, sigma_rule
from scoreback.service.sigma.sigma_draft import CHOICE, chosen, name_of
from scoreback.service.sigma.sigma_job import draft_from_sigma
from scoreback.service.sigma.sigma_rule import read_rule

RULE = r"""
title: Whoami Execution
author: Jane Doe
level: high
tags: [attack.discovery, attack.t1033, attack.t1059.001, cve.2024-1234]
logsource: {category: process_creation, product: windows}
detection:
  selection:
    Image|endswith: '\whoami.exe'
    CommandLine|contains: ['/all', '/priv']
    ProcessId: [4, 8]
  filter: {ParentImage: 'C:\Windows\System32\svchost.exe'}
  condition: selection and not filter
"""
WEB = """
title: Odd Downloads
logsource: {category: proxy}
detection:
  sel: {c-uri|contains: [/a, /b], cs-method: [GET, PUT], c-ip: [10.0.0.1, 10.0.0.2], x y: 1}
  condition: sel
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "rule.yml"
    path.write_text(text, encoding="utf-8")
    return path


def rule(detection: str, **changed: str) -> str:
    keys = {"title": "T", "logsource": "{product: linux}", "detection": detection} | changed
    return "\n".join(f"{key}: {value}" for key, value in keys.items() if value)


def draft(folder: Path, text: str, *installed: str) -> str:
    return draft_from_sigma(written(folder, text), None, ["local", *installed])[1].text


def detector(text: str) -> Detector:
    return parse_detector(chosen(text))


def test_a_draft_has_what_the_rule_says_and_is_valid_once_labels_are_chosen(
    tmp_path: Path,
) -> None:
    text = draft(tmp_path, RULE, "elastic", "splunk")
    found = detector(text)
    assert (found.name, found.owner) == ("whoami_execution", "Jane Doe")
    assert found.alerts.severity == "high"
    assert found.alerts.attack == ["T1033", "T1059.001"]
    assert found.entity == "host.name"
    assert found.events["elastic"]["index"] == "logs-*"
    assert "process.executable" in found.events["elastic"]["query"]
    assert 'Image="*\\\\whoami.exe"' in found.events["splunk"]["search"]
    assert found.events["splunk"]["fields"]["process.command_line"] == "CommandLine"
    kinds = {(feature.kind, feature.field) for feature in found.features}
    assert {("ngrams", "process.command_line"), ("category", "process.executable"),
            ("rarity", "process.executable"), ("count", None)} <= kinds  # fmt: skip
    assert "not run in any siem" in text.lower()


def test_a_draft_waits_for_the_choice_of_labels(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="labels has no source"):
        parse_detector(draft(tmp_path, RULE))


def test_each_commented_choice_of_labels_makes_the_file_valid(tmp_path: Path) -> None:
    text = draft(tmp_path, RULE)
    choices = [line for line in text.splitlines() if line.startswith("  # ") and ": " in line
               and line.split()[1] in ("verdicts:", "field:", "incidents:")]  # fmt: skip
    assert len(choices) == 3
    assert choices[0].startswith(CHOICE)
    for line in choices:
        parse_detector(text.replace(line, line.replace("# ", "", 1)))


def test_a_selection_for_a_siem_without_connector_is_a_comment_that_can_be_taken_up(
    tmp_path: Path,
) -> None:
    text = draft(tmp_path, RULE)
    assert set(detector(text).events) == {"local"}
    assert "# elastic: its connector is not installed" in text
    for siem in ("elastic", "splunk"):
        lines = [line for line in text.splitlines() if line.startswith(f"  # {siem}: {{")]
        assert len(lines) == 1
        taken = text.replace(lines[0], lines[0].replace("# ", "", 1))
        assert set(detector(taken).events) == {"local", siem}
    assert set(detector(draft(tmp_path, RULE, "elastic")).events) == {"local", "elastic"}


def test_features_are_those_whose_values_can_differ_and_each_has_a_reason(tmp_path: Path) -> None:
    _, found = draft_from_sigma(written(tmp_path, RULE), None, ["local"])
    use = {choice.field: choice for choice in found.choices}
    assert use["process.parent.executable"].use == "left out"
    assert "one value" in use["process.parent.executable"].why
    assert use["process.pid"].use == "left out"
    assert all(choice.why for choice in found.choices)


def test_names_outside_windows_become_those_of_ecs_where_they_are_known(tmp_path: Path) -> None:
    text = draft(tmp_path, WEB, "elastic")
    found = detector(text)
    assert found.entity == "source.ip"
    fields = {feature.field for feature in found.features}
    assert {"url.original", "http.request.method", "source.ip"} <= fields
    assert "url.original:(*\\/a* OR *\\/b*)" in found.events["elastic"]["query"]
    assert "x y" not in fields


def test_a_field_without_a_mapping_says_that_its_name_is_the_rules_own(tmp_path: Path) -> None:
    text = draft(tmp_path, rule("{s: {odd_field: [a, b]}, condition: s}"))
    assert "the name is the rule's own" in text


@pytest.mark.parametrize(
    ("detection", "elastic", "splunk"),
    [
        (
            r"{s: {a|re: 'x.*y'}, condition: s}",
            "a:/.*(x.*y).*/",
            "# splunk: no selection: a /x.*y/: it needs a pipe",
        ),
        (r"{s: {a|re: '(?=x)y'}, condition: s}", None, None),
        (r"{s: {a|re: '(?=x)y', b: c}, condition: s}", "b:c", 'b="c"'),
        ("{s: {a: AND}, condition: s}", 'a:"AND"', 'a="AND"'),
        ("{s: {a: '>5'}, condition: s}", 'a:">5"', 'a=">5"'),
        ("{s: {a|fieldref: b}, condition: s}", None, None),
        ("{s: {a: '|x'}, condition: s}", "|x", 'a="|x"'),
        ("{s: {a: 1}, condition: [s, not s]}", "(a:1) OR (NOT a:1)", "(a=1) OR (NOT a=1)"),
    ],
)
def test_a_siem_that_cannot_say_it_has_no_selection_and_the_reason(
    tmp_path: Path, detection: str, elastic: str | None, splunk: str | None
) -> None:
    text = draft(tmp_path, rule(detection), "elastic", "splunk")
    if elastic is None and splunk is None:
        assert "# elastic: no selection: a" in text
        assert "# splunk: no selection: a" in text
        assert set(detector(text).events) == {"local"}
        return
    assert str(elastic) in str(detector(text).events["elastic"]["query"])
    assert str(splunk) in text or str(splunk) in str(detector(text).events["splunk"]["search"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (rule("{s: {a: b}, condition: s}", title=""), "must have a title"),
        (rule("{s: {a: b}, condition: s}", title="' '"), "must have a title"),
        (rule("{s: {a: b}, condition: s}", logsource=""), "must have a log source"),
        (rule("{s: {a: b}, condition: s}", logsource="{}"), "log source"),
        (rule("{s: {a: b}}"), "at least one condition"),
        (rule("{s: {a: b}, condition: x}"), "'x' not defined"),
        (rule("{s: {a: b}, condition: s | count() > 5}"), "pipe syntax"),
        (rule("{s: {a|bogus: b}, condition: s}"), "Unknown modifier 'bogus'"),
        (rule("{s: {a|re: '['}, condition: s}"), "invalid"),
        (rule("text"), "rule.yml is not a valid Sigma rule"),
        (rule("{s: {a: b}, condition: s}", level="hot"), "not a valid Sigma rule level"),
        (rule("{s: {a: b}, condition: s}", date="2024-99-99"), "rule.yml"),
        ("title: T\ncorrelation: {type: event_count}", "a correlation rule"),
        ("title: T\nfilter: {rules: any}", "a Sigma filter"),
        ("action: global\ntitle: T", "a rule collection"),
        ("a: 1\n---\nb: 2", "holds 2 rules, not one"),
        ("", "holds no rules, not one"),
        ("- a", "not a mapping"),
        ("hello", "not a mapping"),
        ("a: [", "rule.yml:1: not YAML"),
        ("a: !!python/object:os.system x", "not YAML"),
    ],
)
def test_a_bad_rule_is_refused_with_the_file_and_the_reason(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        draft(tmp_path, text)
    assert "rule.yml" in refused.value.message
    assert said in refused.value.message
    assert refused.value.hint


def test_without_the_extra_the_error_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(name: str) -> object:
        return None if name == "sigma.backends.splunk" else importlib.util.find_spec(name)

    monkeypatch.setattr(sigma_job, "find_spec", find)
    with pytest.raises(ConfigError, match=r"sigma\.backends\.splunk") as refused:
        draft(tmp_path, RULE)
    assert refused.value.hint == "pip install 'scoreback[sigma]'"


@pytest.mark.parametrize(
    ("detection", "query", "left_out"),
    [
        ("{s: {a|cased: X, b: c}, condition: s}", "b:c", "a X: "),
        ("{s: {a|expand: '%x%', b: c}, condition: s}", "b:c", "a %x%: "),
        # One of several is enough: none of them can stay without the events of the lost one.
        ("{s: {a|re: ['(?=x)y', z], b: c}, condition: s}", "b:c", "a /(?=x)y/: "),
        # Not what cannot be said: what the rule leaves out stays in.
        ("{s: {b: c}, f: {a|re: '(?=x)y'}, condition: s and not f}", "b:c", "a /(?=x)y/: "),
        ("{s: {b: c}, f: {a|re: '(?=x)y', d: e}, condition: s and not f}", "b:c", "a /(?=x)y/: "),
        (
            "{s: {b: c}, f: {a|re: '(?=x)y'}, g: {d: e}, condition: s and not (f or g)}",
            "b:c AND (NOT d:e)",
            "a /(?=x)y/: ",
        ),
    ],
)
def test_a_part_that_a_siem_cannot_say_is_left_out_and_said(
    tmp_path: Path, detection: str, query: str, left_out: str
) -> None:
    text = draft(tmp_path, rule(detection), "elastic", "splunk")
    assert detector(text).events["elastic"]["query"] == query
    assert f"# elastic: left out, so the selection finds more than the rule: {left_out}" in text


def test_a_rule_that_no_siem_can_say_becomes_a_draft_to_try_on_a_stream(tmp_path: Path) -> None:
    text = draft(tmp_path, rule("{s: {a|cased: X}, condition: s}"), "elastic", "splunk")
    assert detector(text).events == {"local": {"stream": "t"}}
    assert "Case-sensitive" in text


@pytest.mark.parametrize(
    ("value", "elastic", "splunk"),
    [
        ("0x1410", "a:0x1410", 'a="0x1410"'),
        ("010", "a:010", 'a="010"'),
        ("yes", "a:yes", 'a="yes"'),
        ("off", "a:off", 'a="off"'),
        ("1_000", "a:1_000", 'a="1_000"'),
        ("1.10", "a:1.10", 'a="1.10"'),
        ("1e3", "a:1e3", 'a="1e3"'),
        ("10:30", "a:10\\:30", 'a="10:30"'),
        ("2024-01-02", "a:2024\\-01\\-02", 'a="2024-01-02"'),
        ("4624", "a:4624", "a=4624"),
        ("0.5", "a:0.5", "a=0.5"),
        ("true", "a:true", "a=true"),
    ],
)
def test_values_without_quotes_are_as_the_rule_writes_them(
    tmp_path: Path, value: str, elastic: str, splunk: str
) -> None:
    text = draft(tmp_path, rule(f"{{s: {{a: {value}}}, condition: s}}"), "elastic", "splunk")
    found = detector(text).events
    assert found["elastic"]["query"] == elastic
    assert found["splunk"]["search"] == splunk


def test_fields_of_a_log_source_without_names_are_named_for_each_siem(tmp_path: Path) -> None:
    text = draft(tmp_path, rule("{s: {odd: [a, b], other: c}, condition: s}"), "elastic", "splunk")
    for siem in ("elastic", "splunk"):
        assert (
            f"# {siem}: named as in the rule; replace with the names in your events: odd, other"
            in text
        )
    assert "named as in the rule" not in draft(tmp_path, RULE, "elastic", "splunk")


def test_what_case_and_words_do_in_elasticsearch_is_said_where_texts_are_compared(
    tmp_path: Path,
) -> None:
    hint = "# elastic: Sigma ignores case"
    assert hint in draft(tmp_path, RULE, "elastic")
    assert hint not in draft(tmp_path, rule("{s: {a: 4624}, condition: s}"), "elastic")


@given(title=st.text(max_size=80), author=st.text(max_size=40), value=st.text(max_size=30))
@settings(max_examples=60)
def test_whatever_a_rule_says_in_words_its_draft_is_valid_or_refused(
    tmp_path_factory: pytest.TempPathFactory, title: str, author: str, value: str
) -> None:
    path = tmp_path_factory.mktemp("rule") / "rule.yml"
    said = {
        "title": title, "author": author,
        "logsource": {"product": "linux", "service": author or "x"},
        "detection": {"s": {"Image": [value, "/bin/sh"]}, "condition": "s"},
    }  # fmt: skip
    path.write_text(json.dumps(said))
    try:
        _, found = draft_from_sigma(path, None, ["local", "elastic", "splunk"])
    except ConfigError as refused:
        if "rule.yml" not in refused.message:
            raise
        return
    detector(found.text)


@given(st.text(max_size=120))
def test_every_title_becomes_a_name(title: str) -> None:
    text = (
        f"name: {flow(name_of(title))}\n"
        "events: {local: {stream: a}}\nentity: a\nlabels: {verdicts: {join: event}}\n"
        "features: [category: b]\nalerts: {budget: 1/day}\n"
    )
    assert parse_detector(text).name == name_of(title)


def test_the_command_writes_the_file_once_and_says_what_became_of_each_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, RULE)
    done = CliRunner().invoke(app, ["import-sigma", str(path), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["file"] == "whoami_execution.yml"
    detector((tmp_path / "whoami_execution.yml").read_text())
    again = CliRunner().invoke(app, ["import-sigma", str(path)])
    assert isinstance(again.exception, ConfigError)
    other = CliRunner().invoke(
        app, ["import-sigma", str(path), "--name", "w", "--out", "other.yml"]
    )
    assert "left out" in other.stdout
    assert detector((tmp_path / "other.yml").read_text()).name == "w"


def test_the_rules_fields_keep_their_values(tmp_path: Path) -> None:
    found = {field.name: field for field in read_rule(written(tmp_path, RULE)).fields}
    assert found["CommandLine"].values == ("*/all*", "*/priv*")
    assert found["ParentImage"].constant
    assert not found["Image"].constant


def test_where_nothing_translates_rules_the_error_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "SIGMA_GROUP", "scoreback.none_such")
    with pytest.raises(ConfigError, match="no translator of Sigma rules is installed") as refused:
        draft(tmp_path, RULE)
    assert "install" in refused.value.hint


class Stranger:
    """A translator of another package, whose SIEM has names of its own for fields."""

    needs = ("json",)

    def translate(self, rule: Mapping[str, object]) -> SigmaTranslation:
        return SigmaTranslation(
            words={"where": rule["title"]},
            hints=("look twice",),
            names={"odd_field": "their.field"},
        )


def test_a_translator_of_another_package_is_used_like_those_that_ship(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sigma_job, "sigma_translators", lambda: {"mysiem": Stranger()})
    monkeypatch.setattr(sigma_rule, "sigma_translators", lambda: {"mysiem": Stranger()})
    text = draft(tmp_path, rule("{s: {odd_field: [a, b]}, condition: s}"), "mysiem")
    found = detector(text)
    assert found.events == {"mysiem": {"where": "T"}}
    assert "their.field" in {feature.field for feature in found.features}
    assert "# mysiem: look twice" in text


def test_a_translator_that_needs_what_is_missing_is_refused_by_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stranger, "needs", ("json.no_such_part",))
    monkeypatch.setattr(sigma_job, "sigma_translators", lambda: {"mysiem": Stranger()})
    with pytest.raises(ConfigError, match=r"'json\.no_such_part' is missing"):
        draft(tmp_path, RULE)
