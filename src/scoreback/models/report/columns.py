"""What each column of the page's tables says: explained on the page, beneath the table."""

from collections.abc import Mapping

COLUMNS: Mapping[str, str] = {
    "alerts a day": "how many alerts the team reads in a day",
    "shown a day": "alerts that there were; fewer where the days held too few units",
    "share true": "alerts whose opening event is a positive, of all shown. An alert without a label"
    " counts as false, so it is a floor. Beside it the 90 % interval for as many days to come,"
    " a week at most, if they are like the judged ones: alerts of one day or one entity are drawn"
    " together, as they are true or false together",
    "among labelled": "the same, of those alerts alone that have a label",
    "labelled": "alerts that have a label, of all shown",
    "positives covered": "positive events that are part of an alert, of all positives",
    "incidents": "incidents found of all: positives of one entity less than a day apart are one",
    "first alert after": "median wait from an incident's first event to its first alert",
    "days over": "days on which more of the best alerts lie than the budget",
    "candidate": "what competed; the marked one is kept",
    "true alerts": "alerts that were true, of all shown",
    "average precision": "how well all events are ranked, whatever the budget: 1 where every"
    " positive stands above every other event, about the share of positives where chance ranks",
    "events": "events on the judged days",
    "positives": "of them labelled as true",
    "alerts": "alerts shown, at the budget",
    "true": "of them true",
    "90 % interval": "where the share of true alerts lies behind such a number of alerts",
    "single feature": "average precision of the best single feature alone",
    "feature": "an input, as the detector file names it",
    "share": "of all that raised the score of its alerts",
    "loss": "average precision that is lost where its values are shuffled",
}

BACKTEST: Mapping[str, str] = {
    "replayed": "as it would have been: the threshold is paced within the day",
    "fixed threshold": "the same scores, at one threshold throughout",
    "days over budget": "days with more alerts than the budget",
    "busiest day": "alerts of the day that had most",
    "precision": "alerts that were true, of all; an alert without a verdict counts as false",
    "among labelled alerts": "the same, of those alerts alone that have a verdict",
    "alerts with a label": "of all alerts",
    "recall": "true units that are part of an alert, of all that are known to be true",
    "incidents found": "of all: true units of one entity less than a day apart are one",
    "area under time": "mean height of weekly precision, from the first week to the last",
    "as of": "when the version was trained, in UTC, with what was known then",
    "trained because": "what asked for the training: the schedule, or a trigger of train.when",
    "algorithm": "what was kept; a dash where nothing was",
    "threshold": "the score from which on it alerts, as trained",
    "promised": "the share of true alerts that training expected",
    "not kept because": "why the version before went on instead",
}
