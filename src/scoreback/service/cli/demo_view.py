"""The end of the demo: what happened on which days, in words that need no statistics."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scoreback.service.cli import show, taking_back_view
from scoreback.service.cli.demo_picture import picture
from scoreback.service.cli.reasons import as_plain, in_words
from scoreback.service.demo import SYNTHETIC_NOTICE
from scoreback.service.demo.story import Chapter, Phase, Story
from scoreback.service.state.gate_verdicts import GateVerdict

_MOST_LISTED = 5  # of the alerts that were taken back


def summary(stories: Sequence[Story]) -> None:
    """Print, of each detector, a table of its days and what it says."""
    for story in stories:
        show.say()
        _table(story)
        for line in picture(story.days):
            show.say(line)
        show.say()
        for sentence in _sentences(story):
            show.say(sentence)
        _taken_back(story)
    show.say()
    show.say(
        "An alert is true when the event that opened it is part of an attack. At best: what a"
        " ranking by the exact odds that the generator drew from would have had, at as many alerts;"
        " it knows which attacks are running. No model does better over many days."
    )
    show.say(
        "The company was made to change much in few days, so that it shows. How soon drift is seen"
        " where less changes: benchmarks/drift.py."
    )
    show.say(f"All figures: {SYNTHETIC_NOTICE}.")


def whats_next(home: Path | None) -> None:
    """Print what to try now: the workspace in *home* if it was kept, then one's own export."""
    show.say()
    show.say("What to do next:")
    if home is None:
        show.say("- Keep what was played:           scoreback demo --home company")
        show.say("  and close one of its alerts:    scoreback verdict --home company")
    else:
        show.say(f"- List the open alerts:           scoreback verdict --home {home}")
        show.say(f"  and close one of them:          scoreback verdict ALERT VERDICT --home {home}")
    show.say("- Load an export of your own:     scoreback load FILE --stream alerts")
    show.say("  and draft a detector from it:   scoreback new queue --select stream=alerts")
    show.say("- No export at hand?              scoreback demo --exports .")


def story_json(story: Story) -> dict[str, Any]:
    """One detector's story as plain values."""
    back = story.taken_back
    return {
        "detector": story.detector.name,
        "budget": story.detector.alerts.budget,
        "versions": [asdict(story.first.version), asdict(story.second.version)],
        "phases": [asdict(one) for one in story.phases],
        "days": [asdict(one) for one in story.days],
        "drift": None if story.drift is None else asdict(story.drift),
        "gate": [asdict(one) for one in story.gate],
        "first_had_it_stayed": None if story.stayed is None else asdict(story.stayed),
        "refused": story.refused,
        "rollback": None if back is None else taking_back_view.as_json(back.done, "rollback"),
        "alerts_closed": story.closed,
        "example": as_plain(story.example) if story.example else None,
    }


def _table(story: Story) -> None:
    show.table(
        f"{story.detector.name}, for a team that reads {story.detector.alerts.budget:g} alerts"
        " a day",
        ("days", "what happens", "model", "alerts a day", "true", "at best", "attacks found"),
        [_row(phase, story) for phase in story.phases],
        numbers="r  rrrr",
        prose=("what happens",),
    )


def _row(phase: Phase, story: Story) -> tuple[object, ...]:
    days = f"{phase.since} to {phase.until - 1}"
    judged = phase.judged
    if judged is None:
        return (days, _what(phase, story), "none", "-", "-", "-", "-")
    return (
        days,
        _what(phase, story),
        short(phase.version),
        f"{judged.alerts_per_day:.0f}",
        f"{judged.precision:.0%}",
        f"{judged.best_precision:.0%}",
        f"{judged.incidents_found} of {judged.incidents}",
    )


def _what(phase: Phase, story: Story) -> str:
    version, second = short(phase.version), short(story.second.version.version)
    bad = "" if story.taken_back is None else short(story.taken_back.done.bad)
    return {
        Chapter.LEARNING: "the team labels events, as it does anyway",
        Chapter.FIRST: f"{version} has learnt from that, and raises alerts",
        Chapter.CHANGE: "new software, and a new kind of attack",
        Chapter.SHADOW: f"trained again: {second} scores beside it, in shadow",
        Chapter.SECOND: f"{version} takes over",
        Chapter.MISTAKE: f"{version} is bad, and was promoted by hand",
        Chapter.BACK: f"{bad} is rolled back",
    }[phase.chapter]


def _sentences(story: Story) -> Iterator[str]:
    if story.drift is not None:
        psi, usual = (show.figure(one, 2) for one in (story.drift.psi, story.drift.usual_psi))
        yield (
            f"Day {story.drift.day}: Scoreback sees that events are no longer like those that"
            f" {short(story.first.version.version)} learnt from: the PSI of its scores is {psi},"
            f" and was at most {usual} in training."
        )
    ends = [one for one in story.gate if one.outcome != "waiting"]
    if ends:
        yield _gate(ends[-1], story.day_of(ends[-1].at))
    second = story.phase(Chapter.SECOND)
    if second is not None and second.judged is not None and story.stayed is not None:
        yield (
            f"Days {second.since} to {second.until - 1}: {short(second.version)} had"
            f" {compared(second.judged.precision, story.stayed.precision)}, at the same"
            f" {second.judged.alerts_per_day:.0f} alerts a day."
        )
    if story.example is not None:
        alert = story.example
        yield f"For example {alert.entity}, risk {alert.risk:.0f}: {in_words(alert.reasons)}"


def _taken_back(story: Story) -> None:
    if story.refused is not None:
        show.say(
            "Somebody meant to promote a version that learnt from the first days only; training"
            f" refuses it: {story.refused}."
        )
    back = story.phase(Chapter.BACK)
    if story.taken_back is None or back is None:
        return
    bad = story.taken_back.done.bad
    show.say(
        f"Day {back.since}: somebody sees what {short(bad)} raises, and rolls it back. What it"
        " alone raised and nobody has touched is tagged and closed:"
    )
    taking_back_view.say(story.detector.name, story.taken_back.done, "rollback", most=_MOST_LISTED)


def _gate(verdict: GateVerdict, day: int) -> str:
    ours, champion = short(verdict.version), short(verdict.against)
    if verdict.outcome != "better":
        return f"Day {day}: the gate compares {ours} with {champion}: {verdict.why}."
    pair = verdict.body["against"]["champion"]
    return (
        f"Day {day}: the gate compares {ours} with {champion} at {pair['ours']['alerts']} alerts of"
        f" the same days. By the verdicts so far {pair['ours']['precision']:.0%} of those of {ours}"
        f" are true and {pair['theirs']['precision']:.0%} of those of {champion}: better, beyond"
        " chance. A person promotes it."
    )


def compared(second: float, stayed: float) -> str:
    """The second version's precision beside that of the first, had it stayed, in words."""
    now, before = f"{second:.0%}", f"{stayed:.0%}"
    if now == before:
        return f"{now} true alerts, as many as the first would have had"
    word = "more" if second > stayed else "fewer"
    return f"{now} true alerts, {word} than the {before} that the first would have had"


def short(version: str | None) -> str:
    """``v2`` of ``v2-7180eb06``."""
    return (version or "").partition("-")[0]
