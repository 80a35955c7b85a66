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

_MOST_LISTED = 5  # alerts taken back that are listed


def summary(stories: Sequence[Story]) -> None:
    """Print a table of each detector's days, and sentences about what happened."""
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
        "An alert is true when the event that opened it is part of an attack. 'at best' is what a"
        " ranking that knows the simulation's true odds would have reached with as many alerts;"
        " over many days, no model does better."
    )
    show.say(
        "The company changes a lot within a few days, so that the demo can show it."
        " benchmarks/drift.py shows how soon smaller changes are noticed."
    )
    show.say(f"All figures: {SYNTHETIC_NOTICE}.")


def whats_next(home: Path | None) -> None:
    """Print what to try next: the workspace in *home* if it was kept, then your own export."""
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
    """One detector's story as JSON values."""
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
        f"{story.detector.name}, for a team that reads {story.detector.alerts.budget:,.14g} alerts"
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
        Chapter.LEARNING: "the team labels events as usual; nothing scores yet",
        Chapter.FIRST: f"{version} has learnt from those labels and raises alerts",
        Chapter.CHANGE: "new software and a new kind of attack appear",
        Chapter.SHADOW: f"{second} is trained and scores in shadow, without alerts",
        Chapter.SECOND: f"{version} takes over",
        Chapter.MISTAKE: f"somebody promotes {version}, a bad version",
        Chapter.BACK: f"{bad} is rolled back",
    }[phase.chapter]


def _sentences(story: Story) -> Iterator[str]:
    if story.drift is not None:
        psi, usual = (show.figure(one, 2) for one in (story.drift.psi, story.drift.usual_psi))
        yield (
            f"Day {story.drift.day}: Scoreback reports drift: events no longer look like those"
            f" that {short(story.first.version.version)} learnt from. The score drift (PSI: how"
            f" far the distribution of scores has moved since training) is {psi}; within training"
            f" it was at most {usual}."
        )
    ends = [one for one in story.gate if one.outcome != "waiting"]
    if ends:
        yield _gate(ends[-1], story.day_of(ends[-1].at))
    second = story.phase(Chapter.SECOND)
    if second is not None and second.judged is not None and story.stayed is not None:
        yield (
            f"Days {second.since} to {second.until - 1}: of the alerts of"
            f" {short(second.version)},"
            f" {compared(second.judged.precision, story.stayed.precision)}, at the same"
            f" {second.judged.alerts_per_day:.0f} alerts a day."
        )
    if story.example is not None:
        alert = story.example
        yield f"An example alert: {alert.entity}, risk {alert.risk:.0f}: {in_words(alert.reasons)}"


def _taken_back(story: Story) -> None:
    if story.refused is not None:
        show.say(
            "Somebody tried to train a version on the first days only, by mistake; training"
            f" refused: {story.refused}."
        )
    back = story.phase(Chapter.BACK)
    if story.taken_back is None or back is None:
        return
    bad = story.taken_back.done.bad
    show.say(
        f"Day {back.since}: somebody notices the alerts of {short(bad)} and rolls it back. Alerts"
        f" that only {short(bad)} raised and that nobody has touched are tagged and closed:"
    )
    taking_back_view.say(story.detector.name, story.taken_back.done, "rollback", most=_MOST_LISTED)


def _gate(verdict: GateVerdict, day: int) -> str:
    ours, champion = short(verdict.version), short(verdict.against)
    if verdict.outcome != "better":
        return f"Day {day}: the gate compares {ours} with {champion}: {verdict.why}."
    pair = verdict.body["against"]["champion"]
    return (
        f"Day {day}: the gate compares {ours} with {champion} at {pair['ours']['alerts']} alerts"
        f" each, on the same days. By the verdicts so far, {pair['ours']['precision']:.0%} of the"
        f" alerts of {ours} are true, and {pair['theirs']['precision']:.0%} of those of"
        f" {champion}: better, and not by chance. Somebody promotes {ours}."
    )


def compared(second: float, stayed: float) -> str:
    """Compare the second version's precision with what the first would have had, in words."""
    now, before = f"{second:.0%}", f"{stayed:.0%}"
    if now == before:
        return f"{now} were true, the same share as the first version would have had"
    word = "more" if second > stayed else "fewer"
    return f"{now} were true, {word} than the {before} that the first version would have had"


def short(version: str | None) -> str:
    """The short form of a version: ``v2`` of ``v2-7180eb06``."""
    return (version or "").partition("-")[0]
