"""A training as tables and sentences."""

from dataclasses import asdict

from scoreback.models.detector.spec import Detector
from scoreback.models.judging.evaluation import AtBudget, Evaluation
from scoreback.models.report import sentences
from scoreback.models.training.breakdown import Breakdown, Cut
from scoreback.models.training.candidates import cheap_names
from scoreback.service.cli import show
from scoreback.service.state.label_ledger import Synced
from scoreback.service.training.train_job import TrainOutcome


def training_tables(detector: Detector, outcome: TrainOutcome) -> None:
    """Print the training data, how the candidates did, and what the winner promises."""
    training = outcome.training
    counts = training.counts
    units = "events" if detector.group is None else "units"
    show.say(
        f"{detector.name}: {counts['rows']:,} {units}, {counts['usable']:,} old enough to use;"
        f" {counts['positives']:,} positives, {counts['negatives']:,} negatives,"
        f" {counts['unlabelled']:,} unlabelled"
    )
    if outcome.synced is not None:
        _ledger(outcome.synced)
    if training.immature_days:
        days = training.immature_days
        shown = f"{days[0]} to {days[-1]}" if len(days) > 1 else days[0]
        show.say(
            f"{counts['immature']:,} {units} of {shown} are too recent to have their labels, and"
            " are left out"
        )
    for doubt in outcome.doubts:
        show.say(doubt)
    for problem in outcome.label_problems:
        show.say(f"labels: {problem}")
    if outcome.history.ungrouped:
        show.say(
            f"{outcome.history.ungrouped:,} events have none of the fields of unit.group, so they"
            " are in no unit"
        )
    for name, count in outcome.history.uncast.items():
        show.say(f"feature {name}: {count:,} values could not be read and count as missing")
    for warning in training.warnings:
        show.say(f"note: {warning}")
    _held_out(outcome)  # first, as a new network differs more than new days do
    _candidates(detector, outcome)
    _choice(outcome)
    if training.weighing is not None:
        show.say(training.weighing.in_words)
    if training.beside is not None:
        show.say(sentences.beside(asdict(training.beside)))
    for name, why in training.not_eligible.items():
        show.say(f"{name.replace('_', ' ')} is not eligible: {why}")
    _budgets(training.evaluation)
    _breakdown(outcome.training.breakdown)
    _pitfalls(outcome)


def _ledger(synced: Synced) -> None:
    withdrawn = f", {synced.withdrawals:,} withdrawn since" if synced.withdrawals else ""
    show.say(f"The label ledger has {synced.labels:,} verdicts, {synced.new:,} new{withdrawn}")
    if synced.late:
        show.say(
            f"{synced.late:,} of the new verdicts were given before the last training, but"
            " reached Scoreback only after it: training as of an earlier time leaves them out"
        )


def _candidates(detector: Detector, outcome: TrainOutcome) -> None:
    training = outcome.training
    cheap = cheap_names(training.single_feature, detector.train.today_queue)
    rows = []
    for evaluation in training.evaluations:
        at = evaluation.at_budget
        name = cheap.get(evaluation.algorithm, evaluation.algorithm)
        rows.append(
            (
                ("* " if evaluation.algorithm == training.chosen else "  ") + name,
                f"{at.true_alerts} of {at.alerts}",
                _with_interval(at),
                show.figure(at.precision_labelled, 2),
                show.figure(at.coverage, 2),
                f"{at.alerts_per_day:.1f}",
                f"{at.incidents_found}/{at.incidents}",
                show.figure(evaluation.average_precision),
            )
        )
    days = training.evaluation.at_budget.days
    show.table(
        f"At {detector.alerts.budget:,.14g} alerts a day, on {days:.0f} unseen days from"
        f" {' to '.join(training.judged_days)}",
        ("", "true alerts", "precision (90 % interval)", "labelled only", "labelled share",
         "alerts a day", "incidents found", "average precision"),
        rows,
        numbers=" rrrrrrr",
        blocks=True,
    )  # fmt: skip
    own = training.evaluation.average_precision
    gap = training.random_split_average_precision
    if own is not None and gap is not None:
        show.say(
            f"average precision on later days {own:.3f}; a random split would have claimed"
            f" {gap:.3f}"
        )


def _choice(outcome: TrainOutcome) -> None:
    training = outcome.training
    if training.choice.equals:
        equals = ", ".join(training.choice.equals)
        show.say(
            f"{training.chosen} and {equals} are equally good within chance: training keeps the"
            " most robust that earns its place"
        )
    rule = training.plain_rule
    if rule.words:
        show.say(
            f"best single feature as a plain rule, {rule.words}: {rule.true_alerts} of"
            f" {rule.alerts} alerts true; {training.chosen} with as many alerts:"
            f" {rule.against[training.chosen]}"
        )


def _budgets(evaluation: Evaluation) -> None:
    show.table(
        f"{evaluation.algorithm} at other budgets",
        ("budget", "alerts a day", "precision", "labelled only", "recall", "incidents found",
         "hours to first alert", "days over"),
        [
            (
                f"{at.budget:,.14g}/day",
                f"{at.alerts_per_day:.1f}",
                _with_interval(at),
                show.figure(at.precision_labelled, 2),
                _recall(at),
                f"{at.incidents_found}/{at.incidents}",
                show.figure(at.median_hours_to_alert, 1),
                at.days_over_budget,
            )
            for at in evaluation.table
        ],
        numbers="rrrrrrrr",
    )  # fmt: skip


def _held_out(outcome: TrainOutcome) -> None:
    apart = outcome.training.held_out
    if apart is None:
        return
    show.table(
        f"Each {apart.field}, judged by a model that never saw it",
        (apart.field, "events", "positives", "precision", "alerts a day", "incidents found",
         "average precision", "best single feature"),
        [
            (
                v.value,
                f"{v.rows:,}",
                v.evaluation.at_budget.positives,
                _with_interval(v.evaluation.at_budget),
                f"{v.evaluation.at_budget.alerts_per_day:.1f}",
                f"{v.evaluation.at_budget.incidents_found}/{v.evaluation.at_budget.incidents}",
                show.figure(v.evaluation.average_precision),
                show.figure(v.baseline.average_precision),
            )
            for v in apart.values
        ],
        numbers=" rrrrrrr",
    )  # fmt: skip
    show.say(
        f"mean average precision {show.figure(apart.mean_average_precision)},"
        f" worst {show.figure(apart.worst_average_precision)}"
    )
    if apart.skipped:
        show.say(f"not held out, as too few other events are labelled: {', '.join(apart.skipped)}")


def _breakdown(found: Breakdown) -> None:
    if len(found.weeks) > 1:
        show.table("Week by week", _CUT, [_cut(week) for week in found.weeks], numbers=" rrrrrr")
        show.say(f"area under time {show.figure(found.area_under_time)}")
    if found.sources:
        rows = [_cut(source) for source in found.sources]
        show.table("By source, on the same days", _CUT, rows, numbers=" rrrrrr")
        show.say(
            f"mean average precision {show.figure(found.macro_average_precision)},"
            f" worst {show.figure(found.worst_average_precision)}"
        )
    every = found.all_entities
    if every.alerted:
        worst = f"; most false alerts: {every.worst_false_alerts} of {every.worst}"
        worst += f" and {every.worst_others} more" if every.worst_others else ""
        show.say(
            f"{every.alerted:,} entities had alerts, mean precision"
            f" {show.figure(every.mean_precision, 2)}{worst if every.worst else ''};"
            f" {every.found} of {every.attacked} attacked entities were found"
        )


_CUT = ("", "events", "positives", "alerts", "true", "precision, 90 %", "average precision")


def _cut(cut: Cut) -> tuple[object, ...]:
    return (
        cut.name, f"{cut.units:,}", f"{cut.positives:,}", cut.alerts, cut.true_alerts,
        "-" if cut.precision_low is None
        else f"{cut.precision_low:.2f} to {cut.precision_high:.2f}",
        show.figure(cut.average_precision),
    )  # fmt: skip


def _pitfalls(outcome: TrainOutcome) -> None:
    """Print only pitfalls that need a look; the report and the JSON have them all."""
    for pitfall in outcome.training.pitfalls:
        if not pitfall.fine:
            show.say(f"look at this: {pitfall.name}: {pitfall.figure} {pitfall.sentence}")


def _recall(at: AtBudget) -> str:
    if at.recall is None:
        return show.figure(None)
    return f"{at.recall:.2f} ({show.figure(at.recall_low, 2)} to {show.figure(at.recall_high, 2)})"


def _with_interval(at: AtBudget) -> str:
    if at.precision is None:
        return show.figure(None)
    low, high = show.figure(at.precision_low, 2), show.figure(at.precision_high, 2)
    return f"{at.precision:.2f} ({low} to {high})"
