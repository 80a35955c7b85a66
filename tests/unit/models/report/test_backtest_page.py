"""The page of a backtest: plain, complete, and the same for the same account."""

import re
from typing import Any

import pytest

from scoreback.models.report.backtest_page import backtest_page

FIGURES: dict[str, Any] = {
    "alerts_per_day": 3.0, "days_over_budget": 0, "busiest_day": 4, "precision": 0.4,
    "precision_low": 0.2, "precision_high": 0.6, "precision_labelled": None,
    "labelled_share": 0.9, "recall": 0.5, "incidents": 4, "incidents_found": 2,
    "area_under_time": 0.35,
}  # fmt: skip
ACCOUNT: dict[str, Any] = {
    "detector": "<script>queue", "budget": 5.0, "since": "2026-01-01T00:00:00Z",
    "until": "2026-01-03T00:00:00Z", "units": 1200, "when": None, "figures": FIGURES,
    "fixed_threshold": FIGURES | {"value": 0.25, "whose": "of v1"},
    "common_since": "2026-01-02T00:00:00Z",
    "days": [
        {"day": f"2026-01-0{n}T00:00:00Z", "version": 1, "alerts": 4, "true": 1, "benign": 1,
         "false": 1, "unlabelled": 1, "fixed_alerts": 9, "fixed_true": 2}
        for n in (1, 2)
    ],
    "versions": [
        {"as_of": "2026-01-01T00:00:00Z", "because": "the replay began", "algorithm": "",
         "threshold": None, "promised": None, "refused": "too few & too late"}
    ],
    "starts": [
        {"start": "2026-01-01T00:00:00Z", "figures": FIGURES},
        {"start": "2026-01-02T00:00:00Z", "figures": FIGURES | {"precision": None}},
    ],
}  # fmt: skip


def test_the_page_needs_no_script_and_no_network() -> None:
    page = backtest_page(ACCOUNT)
    assert "<script" not in page
    assert "&lt;script&gt;queue" in page
    assert "too few &amp; too late" in page
    assert not re.search(r"(src|href)=", page)
    assert "default-src 'none'" in page
    assert page == backtest_page(ACCOUNT)


def test_each_alert_of_a_day_is_drawn_as_what_it_turned_out_to_be() -> None:
    page = backtest_page(ACCOUNT)
    paced, fixed, starts = re.findall(r"<svg viewBox=\"0 0 340.*?</svg>", page)
    for kind in ("true", "benign", "false", "none"):
        assert paced.count(f'class="{kind}"') == 2
    heights = [float(high) for high in re.findall(r'height="([\d.]+)"', fixed)]
    assert heights[1] / heights[0] == pytest.approx(
        3.5, abs=0.02
    )  # seven that are not true on two that are
    assert starts.count("<circle") == 1


def test_one_start_day_has_no_picture_of_several() -> None:
    assert "Start days" not in backtest_page(ACCOUNT | {"starts": ACCOUNT["starts"][:1]})


def test_every_column_and_figure_is_explained_on_the_page() -> None:
    page = backtest_page(ACCOUNT)
    heads = re.findall(r"<th(?: [^>]*)?>([^<]+)</th>", page)
    figures = set(re.findall(r"<tr><td>([a-z ]+)</td><td class=\"n\">", page))
    assert {"replayed", "precision"} <= {*heads, *figures}
    explained = set(re.findall(r"<dt>(.*?)</dt>", page))
    assert {*heads, *figures} - {"alerts a day"} <= explained


def test_why_a_version_was_trained_is_told_where_something_can_trigger_it() -> None:
    assert "trained because" not in backtest_page(ACCOUNT)
    (version,) = ACCOUNT["versions"]
    because = "score drift 0.31 > 0.25"
    page = backtest_page(
        ACCOUNT | {"when": "drift: 0.25", "versions": [version | {"because": because}]}
    )
    assert "<th>trained because</th>" in page
    assert "<td>score drift 0.31 &gt; 0.25</td>" in page
    assert "it is trained when drift: 0.25." in page
