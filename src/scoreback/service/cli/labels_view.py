"""How the labels that `check` counted are told."""

from dataclasses import asdict

from scoreback.models.labels.field_tally import LabelCount


def in_lines(detector: str, labels: LabelCount) -> list[str]:
    """The labels of *detector*: how many, and beneath: values, what was not read or not found."""
    counts = f"{labels.positive:,} positive, {labels.negative:,} negative"
    events = f"{labels.events:,} events looked at"
    lines = [f"Labels of {detector} in {labels.field!r}: {counts}, of {events}"]
    if labels.values:
        values = "; ".join(
            f"{value!r} {count:,} ({meaning})" for value, count, meaning in labels.values
        )
        more = f"; {labels.more_values:,} more values" if labels.more_values else ""
        lines.append(f"values: {values}{more}")
    if labels.unreadable:
        such = f", such as {labels.example!r}" if labels.example else ""
        lines.append(f"not used, as their time cannot be read: {labels.unreadable:,}{such}")
    if labels.unmatched:
        names = ", ".join(map(repr, labels.unmatched))
        stars = any("*" in value for value in labels.unmatched)
        whole = "; values are compared whole, and * stands for itself" if stars else ""
        lines.append(f"in the detector file, but in no event looked at: {names}{whole}")
    return lines


def as_entry(detector: str, labels: LabelCount) -> dict[str, object]:
    """The same for machines: an entry like a finding, with nothing to fix."""
    what = in_lines(detector, labels)[0]
    counted = asdict(labels)
    counted["values"] = [
        {"value": value, "events": count, "counts_as": meaning}
        for value, count, meaning in labels.values
    ]
    return {"detector": detector, "what": what, "fix": "", "fatal": False, "labels": counted}
