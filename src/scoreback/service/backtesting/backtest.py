"""A backtest: replays a detector from several start days and reports figures for each."""

import statistics
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from scoreback.models.detector.spec import Detector, When, format_duration
from scoreback.models.judging.replayed import Figures, Replayed, by_day, figures
from scoreback.models.judging.threshold import openings, suppression_of
from scoreback.models.training.training import Progress
from scoreback.service.app import App
from scoreback.service.backtesting.days import day_bounds, start_days
from scoreback.service.backtesting.known import Units
from scoreback.service.backtesting.material import Material
from scoreback.service.backtesting.replay import Played, Replay
from scoreback.service.backtesting.scratch import scratch_workspace
from scoreback.service.deploying.artifacts import stored_artifact
from scoreback.service.serving.kinds.training import SCHEDULED
from scoreback.service.state.versions import Versions
from scoreback.times import moment

# The figures that start days are compared by, and that `--fail-below` can name.
COMPARED = ("precision", "precision_labelled", "recall", "incidents_share", "area_under_time")

Account = dict[str, Any]  # plain values, as JSON has them


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to replay."""

    since: datetime
    until: datetime
    every: timedelta | None = None  # time between trainings; None: as the detector's schedule says
    starts: int = 1

    @property
    def scheduled(self) -> str:
        """Why trainings after the first take place, in words that follow "trained because"."""
        return SCHEDULED if self.every is None else f"{format_duration(self.every)} had passed"


def backtest(
    app: App,
    detector: Detector,
    wish: Wish,
    *,
    now: datetime,
    progress: Progress | None = None,
) -> Account:
    """Replay *detector*, as its file is now, over past days; return the account of it.

    Each training uses only what was known at its time, and the version that it keeps scores from
    then on. Labels known *now* judge the alerts. Nothing is written to the SIEM or to the state.

    Args:
        app: the open workspace.
        detector: the detector to replay; overrides are ignored.
        wish: which days to replay, and how.
        now: the current time.
        progress: called with the trainings done, the trainings in all, and the current step.

    Raises:
        ConfigError: the days cannot be replayed as *wish* asks.
        DataError: those days have no event.
        TrainingRefused: the history of one training does not fit into memory.
        SiemUnavailable: the SIEM did not answer.
    """
    starts = start_days(detector, wish.since, wish.until, wish.every, wish.starts)
    bounds = day_bounds(detector, wish.since, wish.until)
    common = day_bounds(detector, starts[-1][0], wish.until)
    threshold, whose = _threshold_of_today(app, detector)
    told = _Told(progress, sum(len(moments) for moments in starts))
    with scratch_workspace(app) as scratch:
        material = Material.read(
            scratch, detector, wish.since, wish.until, now=now, progress=told.read
        )
        units = Units.of(material, now)
        replay = Replay(scratch, material, units)
        played = [replay.play(moments, wish.until, told, wish.scheduled) for moments in starts]
    if threshold is None:
        threshold, whose = _first_threshold(played[0]), "of the first version"
    budget, seed = detector.alerts.budget, detector.train.seed
    first = _of_start(detector, units, played[0], bounds, threshold)
    compared = [figures(one.replayed(units), common, budget=budget, seed=seed) for one in played]
    return {
        "detector": detector.name,
        "budget": budget,
        "since": moment(bounds[0]),
        "until": moment(bounds[-1]),
        "every": None if wish.every is None else format_duration(wish.every),
        "schedule": detector.schedule.train,
        "when": _in_words(detector.train.when),
        "events": material.events,
        "units": int(((units.seen >= bounds[0]) & (units.seen < bounds[-1])).sum()),
        **first,
        "fixed_threshold": {"value": threshold, "whose": whose, **first["fixed_threshold"]},
        "starts": [
            {"start": one.start, "versions": _versions(one), "figures": _plain(found)}
            for one, found in zip(played, compared, strict=True)
        ],
        "common_since": moment(common[0]),
        "spread": {name: _spread([getattr(one, name) for one in compared]) for name in COMPARED},
    }


def _in_words(when: When | None) -> str | None:
    """The conditions that trigger trainings beside the schedule, as a detector file writes them."""
    if when is None:
        return None
    given = when.model_dump(exclude_none=True)
    given["at_most_every"] = format_duration(when.at_most_every)
    return ", ".join(
        f"{key}: {value:g}" if isinstance(value, float) else f"{key}: {value}"
        for key, value in given.items()
    )


def _of_start(
    detector: Detector, units: Units, played: Played, bounds: list[int], threshold: float | None
) -> Account:
    """Figures and days of one start day, and what a fixed *threshold* would show of its scores."""
    budget, seed = detector.alerts.budget, detector.train.seed
    replayed = played.replayed(units)
    fixed = _at_fixed(detector, replayed, played, threshold)
    days = []
    scored = played.version >= 0
    place = np.searchsorted(bounds, units.seen, side="right") - 1
    for number, (own, other) in enumerate(
        zip(by_day(replayed, bounds), by_day(fixed, bounds), strict=True)
    ):
        versions = played.version[(place == number) & scored]
        days.append(
            {
                "day": moment(bounds[number]),
                "version": int(versions[-1]) + 1 if len(versions) else None,
                **asdict(own),
                "fixed_alerts": other.alerts,
                "fixed_true": other.true,
            }
        )
    return {
        "figures": _plain(figures(replayed, bounds, budget=budget, seed=seed)),
        "fixed_threshold": _plain(figures(fixed, bounds, budget=budget, seed=seed)),
        "days": days,
        "versions": _versions(played),
    }


def _at_fixed(
    detector: Detector, replayed: Replayed, played: Played, threshold: float | None
) -> Replayed:
    """The same scores cut at one *threshold* for all days, with the same cap and throttle."""
    opened = np.zeros(len(replayed.times), dtype=bool)
    hits = opened.copy()
    if threshold is not None:
        hits = np.nan_to_num(played.scores, nan=-1.0) >= threshold
        found = np.flatnonzero(hits)
        rule = suppression_of(detector)
        opened[found[openings(replayed.event_times[found], replayed.entities[found], rule)]] = True
    return Replayed(
        times=replayed.times, event_times=replayed.event_times, entities=replayed.entities,
        truth=replayed.truth, verdicts=replayed.verdicts, opened=opened, hits=hits,
    )  # fmt: skip


def _threshold_of_today(app: App, detector: Detector) -> tuple[float | None, str]:
    """The threshold of the version that scores now, as trained, but not below the floor."""
    champion = Versions(app.state).champion(detector.name)
    if champion is None:
        return None, ""
    born = stored_artifact(app, detector.name, champion).manifest.threshold
    return max(born, detector.alerts.least_precision), f"of {champion.version}, which scores now"


def _first_threshold(played: Played) -> float | None:
    return next((one.threshold for one in played.trainings if one.threshold is not None), None)


def _versions(played: Played) -> list[Account]:
    return [asdict(one) for one in played.trainings]


def _plain(found: Figures) -> Account:
    return asdict(found) | {"incidents_share": found.incidents_share}


def _spread(values: list[float | None]) -> Account:
    """The minimum, median and maximum of *values*; None where no value is known."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return {"least": None, "middle": None, "most": None, "starts": 0}
    return {
        "least": known[0], "middle": statistics.median(known), "most": known[-1],
        "starts": len(known),
    }  # fmt: skip


class _Told:
    """Reports progress over all start days: first the events read, then each training."""

    def __init__(self, tell: Progress | None, trainings: int) -> None:
        self._tell, self._trainings = tell, trainings
        self._done = self._events = 0

    def read(self, events: int) -> None:
        self._events += events
        if self._tell is not None:
            self._tell(0, self._trainings, f"reading, {self._events:,} events")

    def __call__(self, at: datetime) -> Progress | None:
        tell, done = self._tell, self._done
        self._done += 1
        self._trainings = max(self._trainings, self._done)  # triggered trainings come on top
        if tell is None:
            return None
        return lambda _d, _s, step: tell(done, self._trainings, f"as of {at:%Y-%m-%d}: {step}")
