"""The report is one page that needs nothing else, says what the account says, and survives it."""

import re
from dataclasses import asdict
from html.parser import HTMLParser
from typing import Any

from scoreback.models.report.page import report_page
from scoreback.models.training.training import Training
from scoreback.models.training.weighing import Weighing


class _Page(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(page)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def test_the_page_needs_no_network_and_no_script(account: dict[str, Any]) -> None:
    page = report_page(account, "candidate")
    assert not {"script", "link", "img", "iframe", "object"} & set(_Page(page).tags)
    assert "@import" not in page
    assert re.findall(r'(?:src|href)="(?!#)[^"]*"', page) == []
    assert re.findall(r"url\((?!#)", page) == []


def test_the_page_begins_with_advice_and_every_column_is_explained(
    account: dict[str, Any],
) -> None:
    page = report_page(account, "candidate")
    text = _Page(page).text
    heads = ("Promote it", "Look here first", "Do not promote it")
    first = min(text.index(head) for head in heads if head in text)
    assert first < text.index("alerts that are true")
    named = {name for row in re.findall(r"<thead>(.*?)</thead>", page) for name in
             re.findall(r"<th[^>]*>(.*?)</th>", row)}  # fmt: skip
    explained = set(re.findall(r"<dt>(.*?)</dt>", page))
    assert named <= explained


def test_an_alert_is_told_by_its_fields(account: dict[str, Any]) -> None:
    example = account["behaviour"]["examples"][0]
    assert [name for name, _ in example["fields"]] == ["rule.id", "network.bytes"]
    text = _Page(report_page(account, "candidate")).text
    for name, value in example["fields"]:
        assert f"{name} {value}" in text


def test_an_account_of_before_still_gives_a_page(account: dict[str, Any]) -> None:
    for key in ("beside", "judged_days"):
        del account[key]
    del account["detector"]["benign_positive"]
    del account["choice"]["ahead_of"]
    for example in account["behaviour"]["examples"]:
        del example["fields"]
    assert _Page(report_page(account, "candidate")).text


def test_the_page_says_why_it_was_trained_and_what_became_of_weights(
    account: dict[str, Any],
) -> None:
    text = _Page(report_page(account, "candidate")).text
    assert "UTC, because" not in text
    assert "chance of being shown" not in text
    account["version"]["trained_because"] = "score drift 0.31 > 0.25"
    made = Weighing(
        used=True, why="better on later days (0.72 against 0.65)", cap=20.0, drawn=1204,
        rows=9310, effective_rows=2345.6, weighted=0.72, unweighted=0.65,
    )  # fmt: skip
    account["weights"] = asdict(made) | {"in_words": made.in_words}
    text = _Page(report_page(account, "candidate")).text
    assert "UTC, because score drift 0.31 > 0.25" in text
    assert (
        "weights by chance of being shown: used, better on later days (0.72 against 0.65); 9,310"
        " rows tell as much as 2,346 of equal weight; 1,204 of the events were drawn at"
        " random for analysts to look at; none counts more than 20 times"
    ) in text


def test_a_hostile_name_cannot_leave_the_style_sheet(account: dict[str, Any]) -> None:
    account["version"]["version"] = 'v1"; } </style><script>'
    page = report_page(account, "candidate")
    assert "<script>" not in page
    assert page.count("</style>") == 1
    assert '"lab v1  stylescript"' in page


def test_the_page_says_what_the_account_says(account: dict[str, Any], training: Training) -> None:
    text = _Page(report_page(account, "champion")).text
    at = training.evaluation.at_budget
    assert f"{at.true_alerts} of {at.alerts} were true" in text
    assert f"{at.incidents_found} of {at.incidents}" in text
    assert "champion" in text
    assert training.artifact.artifact_hash in text
    for pitfall in training.pitfalls:
        assert pitfall.name in text


def test_the_page_names_the_rule_behind_the_reasons(account: dict[str, Any]) -> None:
    account["behaviour"]["attribution"] = "path contributions"
    text = _Page(report_page(account, "candidate")).text
    assert "path contributions: what each split" in text
    del account["behaviour"]["attribution"]  # as older versions are kept
    assert "contributions:" not in _Page(report_page(account, "candidate")).text


def test_every_picture_is_drawn_and_no_id_occurs_twice(account: dict[str, Any]) -> None:
    found = _Page(report_page(account, "candidate"))
    assert found.tags.count("svg") == found.tags.count("figure") >= 5
    assert len(found.ids) == len(set(found.ids))


def test_the_same_account_gives_the_same_page(account: dict[str, Any]) -> None:
    assert report_page(account, "candidate") == report_page(account, "candidate")


def test_texts_of_events_are_shown_and_never_run(account: dict[str, Any]) -> None:
    hostile = "<script>alert(1)</script> $x^ {{ 7*7 }} \x07 \u202e日本"
    account["behaviour"]["examples"][0]["entity"] = hostile
    account["behaviour"]["examples"][0]["reasons"] = [hostile]
    account["behaviour"]["leanings"][0]["feature"] = hostile
    account["breakdown"]["sources"] = [
        {"name": hostile, "units": 3, "positives": 1, "alerts": 1, "true_alerts": 1,
         "average_precision": 0.5, "precision_low": 0.2, "precision_high": 1.0}
    ]  # fmt: skip
    account["breakdown"]["all_entities"]["worst"] = hostile
    found = _Page(report_page(account, "candidate"))
    assert "script" not in found.tags
    assert "<script>alert(1)</script>" in found.text
    assert "{{ 7*7 }}" in found.text


def test_figures_that_do_not_exist_are_dashes(account: dict[str, Any]) -> None:
    for candidate in account["candidates"]:
        candidate["average_precision"] = None
        for at in (candidate["at_budget"], *candidate["table"]):
            at.update(
                dict.fromkeys(key for key, value in at.items() if isinstance(value, float)),
                budget=5.0, days=3.0, alerts_per_day=0.0, alerts=0,
            )  # fmt: skip
    nothing = {"positive": [0] * 25, "negative": [0] * 25, "unlabelled": [0] * 25}
    account["behaviour"] = {
        "distribution": nothing, "calibration": [], "leanings": [], "examples": [],
    }  # fmt: skip
    account["breakdown"].update(weeks=[], sources=[], entities=[], area_under_time=None)
    account["random_split_average_precision"] = None
    assert "no alert" in _Page(report_page(account, "candidate")).text


def test_the_account_is_plain_and_whole(account: dict[str, Any], training: Training) -> None:
    assert account["made_of"]["data"]["row_hash"] == training.artifact.manifest.data.row_hash
    assert account["candidates"][0]["at_budget"] == asdict(training.evaluations[0].at_budget)
