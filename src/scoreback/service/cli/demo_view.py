"""The end of the demo: what was found, and what the verdicts changed."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from scoreback.service.cli import show
from scoreback.service.cli.reasons import in_words
from scoreback.service.demo import SYNTHETIC_NOTICE
from scoreback.service.demo.play import Story


def summary(stories: Sequence[Story]) -> None:
    """Print one table for all detectors and, of each, an example alert and a sentence."""
    show.say()
    show.table(
        "What analysts were shown",
        ("detector", "model", "period", "alerts a day", "true alerts", "best possible",
         "attacks found", "best possible", "average precision", "best possible"),
        [
            (
                story.detector.name if i == 0 else "",
                judged.model,
                judged.period,
                f"{judged.alerts_per_day:.1f} (budget {story.detector.alerts.budget:g})",
                f"{judged.precision:.0%}",
                f"{judged.best_precision:.0%}",
                f"{judged.incidents_found}/{judged.incidents}",
                f"{judged.best_incidents_found}/{judged.incidents}",
                show.figure(judged.average_precision, 2),
                show.figure(judged.best_average_precision, 2),
            )
            for story in stories
            for i, judged in enumerate(story.judged)
        ],
        numbers="   rrrrrrr",
    )  # fmt: skip
    for story in stories:
        _sentence(story)
    show.say()
    show.say('"Best possible" ranks by the exact odds that the generator drew from; it knows which')
    show.say("attacks are running, so no model reaches it. In between, software changed and a new")
    show.say("kind of attack began. All figures: " + SYNTHETIC_NOTICE + ".")


def story_json(story: Story) -> dict[str, Any]:
    """One detector's story as plain values."""
    return {
        "detector": story.detector.name,
        "budget": story.detector.alerts.budget,
        "versions": [asdict(story.first.version), asdict(story.second.version)],
        "alerts_closed": story.closed,
        "example": asdict(story.example) if story.example else None,
        "judged": [asdict(judged) for judged in story.judged],
    }


def _sentence(story: Story) -> None:
    _, stayed, second = story.judged
    show.say(
        f"{story.detector.name}: {story.closed} verdicts on its own alerts and those of the team"
        f" took it from {stayed.precision:.0%} true of {stayed.alerts_per_day:.0f} alerts a day to"
        f" {second.precision:.0%} of {second.alerts_per_day:.0f} on the following days."
    )
    if story.example is not None:
        alert = story.example
        show.say(f"  for example {alert.entity}, risk {alert.risk:.0f}: {in_words(alert.reasons)}")
