"""What each column of the page's tables says: explained on the page, beneath the table."""

from collections.abc import Mapping

COLUMNS: Mapping[str, str] = {
    "alerts a day": "how many alerts the team reads in a day",
    "shown a day": "alerts that there were; fewer where the days held too few units",
    "share true": "alerts whose opening event is a positive, of all shown. An alert without a label"
    " counts as false, so it is a floor. Beside it the 90 % interval for as many days to come",
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
