"""The labels that `check` counted, in words and as JSON."""

from dataclasses import asdict

from scoreback.models.labels.field_tally import LabelCount


def in_lines(detector: str, labels: LabelCount) -> list[str]:
    """A line with the counts of *detector*, then lines about values, and what was unreadable."""
    counts = f"{labels.positive:,} positive, {labels.negative:,} negative"
    events = f"{labels.events:,} events checked"
    lines = [f"Labels of {detector} in {labels.field!r}: {counts}, in {events}"]
    if labels.values:
        values = "; ".join(
            f"{value!r} {count:,} ({meaning})" for value, count, meaning in labels.values
        )
        more = f"; {labels.more_values:,} more values" if labels.more_values else ""
        lines.append(f"values: {values}{more}")
    if labels.unreadable:
        such = f", such as {labels.example!r}" if labels.example else ""
        lines.append(f"not used, as their label time cannot be read: {labels.unreadable:,}{such}")
    if labels.unmatched:
        names = ", ".join(map(repr, labels.unmatched))
        stars = any("*" in value for value in labels.unmatched)
        whole = "; values are compared as a whole, and * is not a wildcard" if stars else ""
        lines.append(f"in the detector file, but in none of these events: {names}{whole}")
    return lines


def as_entry(detector: str, labels: LabelCount) -> dict[str, object]:
    """The same as JSON: an entry like a finding, with nothing to fix."""
    what = in_lines(detector, labels)[0]
    counted = asdict(labels)
    counted["values"] = [
        {"value": value, "events": count, "counts_as": meaning}
        for value, count, meaning in labels.values
    ]
    return {"detector": detector, "what": what, "fix": "", "fatal": False, "labels": counted}
