"""The meaning of each table column, which the page explains below the table."""

from collections.abc import Mapping

COLUMNS: Mapping[str, str] = {
    "alerts a day": "how many alerts the team reads in a day",
    "shown a day": "alerts that were shown; fewer than the budget if the days had too few units",
    "share true": "the share of shown alerts that a positive event opened. Alerts without a label"
    " count as false, so the true share may be higher. Beside it, the 90 % interval for as many"
    " future days, at most a week, if they are like the judged ones: alerts of one day or one"
    " entity are drawn together, as they are true or false together",
    "among labelled": "the same share, among alerts that have a label",
    "labelled": "the share of shown alerts that have a label",
    "positives covered": "the share of positive events that are part of an alert",
    "incidents": "incidents found, of all incidents; positives of one entity less than a day apart"
    " are one incident",
    "first alert after": "median time from an incident's first event to its first alert",
    "days over": "days that have more of the best alerts than the budget",
    "candidate": "the models and rules that competed; the marked one was chosen",
    "true alerts": "true alerts, of all alerts shown",
    "average precision": "how well all events are ranked, whatever the budget: 1 if every positive"
    " ranks above every other event, about the share of positives if the ranking is random",
    "events": "events on the judged days",
    "positives": "how many of them are labelled as true",
    "alerts": "alerts shown, at the budget",
    "true": "how many of them are true",
    "90 % interval": "where the true share of true alerts lies, given this number of alerts",
    "single feature": "average precision of the best single feature alone",
    "feature": "a feature, by its name in the detector file",
    "share": "the feature's share of everything that raised the scores of the alerts",
    "loss": "how much average precision falls when the feature's values are shuffled",
}

BACKTEST: Mapping[str, str] = {
    "replayed": "as it would have been: the threshold adapts during the day, to keep to the budget",
    "fixed threshold": "the same scores with one threshold on all days",
    "days over budget": "days with more alerts than the budget",
    "busiest day": "alerts on the day with the most",
    "precision": "the share of true alerts; an alert without a verdict counts as false",
    "among labelled alerts": "the same share, among alerts that have a verdict",
    "alerts with a label": "the share of alerts that have a label",
    "recall": "the share of units known to be true that are part of an alert",
    "incidents found": "of all incidents; true units of one entity less than a day apart are one"
    " incident",
    "area under time": "weekly precision, averaged from the first week to the last",
    "as of": "the time in UTC as of which the version was trained, with only what was known then",
    "trained because": "what started the training: the schedule, or a trigger of train.when",
    "algorithm": "the algorithm that was chosen; a dash if training refused",
    "threshold": "the score from which the version alerts, as trained",
    "promised": "the share of true alerts that training expected",
    "not kept because": "why the previous version went on instead",
}
