"""The text of a drafted detector file, with the reason of each guess as a comment."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml

from scoreback.models.detector.draft_time import Timing
from scoreback.models.detector.entity_choice import Entity
from scoreback.models.detector.label_choice import Answer, Labels
from scoreback.models.detector.profile import Field
from scoreback.models.detector.quantities import format_duration

_NO_WRAPPING = 2**31
_SHOWN = 8  # values named in a comment
_FIELDS = 6  # fields named that may be the label
_LONGEST = 40  # characters of each value


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The content of a draft."""

    name: str
    siem: str
    selection: Mapping[str, str]
    entity: Entity
    labels: Labels
    few: Sequence[Field]  # that may be the label, where none was found
    time: Field | None
    features: Sequence[Mapping[str, object]]
    timing: Timing
    budget: int  # alerts a day
    events: int


def file_text(contents: Contents) -> str:
    """The file's text."""
    lines = [
        f"# Drafted from {contents.events:,} events. Read every line: names and values were looked",
        "# at, but nobody knows yet what the fields mean, nor when they are filled in.",
        f"name: {flow(contents.name)}",
        "use_case: threat_detection         # or incident_response, vulnerability_management",
        "events:",
        f"  {contents.siem}: {flow(dict(contents.selection))}",
        *_wrapped(contents.entity.why, "# "),
        f"entity: {flow(contents.entity.field)}",
        "labels:",
    ]
    label = contents.labels.chosen
    lines += _verdicts(contents.labels, contents.few) if label is None else _field(label, contents)
    mature = format_duration(contents.timing.mature_after)
    lines.append(f"  mature_after: {mature:<18} # more recent events are not used")
    lines += ["features:", *(f"  - {flow(dict(feature))}" for feature in contents.features)]
    if contents.timing.history is not None:
        lines += ["# As far back as the events are old, or as their positives need:"]
        lines += [f"train: {{history: {contents.timing.history}d}}"]
    budget = f"alerts: {{budget: {contents.budget}/day}}"
    lines += [f"{budget:<34} # how many alerts your team can read"]
    return "\n".join(lines) + "\n"


def _field(label: Answer, contents: Contents) -> Iterator[str]:
    yield from _wrapped(f"{_said(label.field.name)} is the label: {label.why}.", "  # ")
    for other in contents.labels.others:
        also = f"It could also be {_said(other.field.name)}: {_listed(other.field.values)}."
        yield from _wrapped(also, "  # ")
    yield "  field:"
    yield f"    name: {flow(label.field.name)}"
    yield f"    # {label.positives:,} of the {sum(label.field.counts):,} events with a value"
    yield f"    positive: {flow(list(label.positive))}"
    if label.negative:
        yield f"    # {label.rows(label.negative):,} of them; any other value is unlabelled"
        yield f"    negative: {flow(list(label.negative))}"
    if label.open:
        yield f"    # neither, so unlabelled until you decide: {_listed(label.open)}"
    if contents.time is not None:
        yield f"    time: {flow(contents.time.name)}"
    delay = format_duration(contents.timing.delay)
    where = "where there is no time, " if contents.time is not None else ""
    yield f"    delay: {delay:<23} # {where}how long after the event it is known: ASSUMED"
    if not label.negative:
        yield "  unlabelled: presumed_benign      # only positives are recorded"


def _verdicts(labels: Labels, few: Sequence[Field]) -> Iterator[str]:
    yield from _wrapped(
        "No field of the sample looks like a label, so labels have to come from people: from how"
        " analysts close the alerts on these events, in the SIEM or with `scoreback verdict`."
        " Training refuses until some are closed. Or name here what you already have:",
        "  # ",
    )
    for field in few[:_FIELDS]:
        yield from _wrapped(
            f"Could it be {_said(field.name)}? Its values: {_listed(field.values)}.", "  # "
        )
    for answer in labels.unclear:
        yes, no = flow(list(answer.positive)), flow(list(answer.negative))
        yield f"  # field: {{name: {flow(answer.field.name)}, positive: {yes}, negative: {no}}}"
    if not labels.unclear:
        yield "  # field: {name: FIELD, positive: [VALUE]}   # a field that tells; load it too"
    yield "  # incidents: incidents.csv       # entity, from, to, verdict: what responders know"
    yield "  verdicts: {join: event}          # how analysts closed alerts"


def _listed(values: Sequence[str]) -> str:
    shown = ", ".join(map(_said, values[:_SHOWN]))
    return shown if len(values) <= _SHOWN else f"{shown} and {len(values) - _SHOWN} more"


def _said(value: str) -> str:
    """*value* for a comment: on one line, and cut if it is long."""
    return repr(value if len(value) <= _LONGEST else value[:_LONGEST] + "...")


def _wrapped(text: str, begin: str) -> list[str]:
    plain = text.encode("unicode_escape").decode() if not text.isprintable() else text
    return textwrap.wrap(plain, 96, initial_indent=begin, subsequent_indent=begin)


def flow(value: object) -> str:
    """*value* as YAML on one line, if no text in it has a line break."""
    text: str = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, width=_NO_WRAPPING, allow_unicode=True
    )
    return text.removesuffix("\n").removesuffix("\n...")
