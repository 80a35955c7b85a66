"""The end of the demo: what was found, and what the verdicts changed."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scoreback.service.cli import show
from scoreback.service.cli.reasons import as_plain, in_words
from scoreback.service.demo import SYNTHETIC_NOTICE
from scoreback.service.demo.play import Story


def summary(stories: Sequence[Story]) -> None:
    """Print, of each detector, a table, a sentence and an example alert."""
    for story in stories:
        show.say()
        _table(story)
        _sentence(story)
    show.say()
    show.say(
        "An alert is true when the event that opened it is part of an attack. In brackets: a"
        " ranking by the exact odds that the generator drew from, which knows which attacks are"
        " running. Over many days no model does better; on a few, chance may."
    )
    show.say(
        "Between the two trainings software changed and a new kind of attack began, so the days of"
        " the first rows are easier or harder than those of the others."
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
    return {
        "detector": story.detector.name,
        "budget": story.detector.alerts.budget,
        "versions": [asdict(story.first.version), asdict(story.second.version)],
        "alerts_closed": story.closed,
        "example": as_plain(story.example) if story.example else None,
        "judged": [asdict(judged) for judged in story.judged],
    }


def _table(story: Story) -> None:
    show.table(
        f"{story.detector.name}, for a team that reads {story.detector.alerts.budget:g} a day",
        ("model", "days", "alerts a day", "true", "attacks found", "average precision"),
        [
            (
                judged.model,
                judged.period.removeprefix("days "),
                f"{judged.alerts_per_day:.1f}",
                f"{judged.precision:.0%} ({judged.best_precision:.0%})",
                f"{judged.incidents_found} of {judged.incidents} ({judged.best_incidents_found})",
                f"{judged.average_precision:.2f} ({judged.best_average_precision:.2f})",
            )
            for judged in story.judged
        ],
        numbers=" rrrrr",
    )


def _sentence(story: Story) -> None:
    _, stayed, second = story.judged
    show.say(
        f"With {story.closed} verdicts on its own alerts, and the team's, the second version has"
        f" {compared(second.precision, stayed.precision)}, at {second.alerts_per_day:.0f} alerts a"
        " day on the same days."
    )
    if story.example is not None:
        alert = story.example
        show.say(f"For example {alert.entity}, risk {alert.risk:.0f}: {in_words(alert.reasons)}")


def compared(second: float, stayed: float) -> str:
    """The second version's precision beside that of the first, had it stayed, in words."""
    now, before = f"{second:.0%}", f"{stayed:.0%}"
    if now == before:
        return f"{now} true alerts, as many as the first would have had"
    word = "more" if second > stayed else "fewer"
    return f"{now} true alerts, {word} than the {before} that the first would have had"
