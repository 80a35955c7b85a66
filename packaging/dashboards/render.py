"""Renders the views of the Splunk app from the panels in splunk/: Dashboard Studio, two themes.

``python packaging/dashboards/render.py`` writes them; with ``--check`` it only reports which
differ. Each panel says where its rows come from (``from``), what is done with them (``then``) and
how they are shown (``show``); everything that all panels share is here, so that no panel can forget
to drop repeated documents or to follow the chosen detector.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import escape

import yaml

HERE = Path(__file__).parent
VIEWS = HERE.parent / "splunk" / "package" / "default" / "data" / "ui" / "views"
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
WIDTH, COLUMNS = 1200, 12

# The meanings of colours, for text or lines on each theme's background.
INKS: Mapping[Theme, Mapping[str, str]] = {
    "light": {"good": "#118832", "watch": "#A35F00", "bad": "#C81E1E", "worst": "#7A0F4B",
              "calm": "#31373E", "grey": "#6B7785", "one": "#0051B5", "two": "#7B56DB"},
    "dark": {"good": "#5CC05C", "watch": "#F8BE34", "bad": "#FF6B66", "worst": "#FF5CA8",
             "calm": "#E3E6EA", "grey": "#9BA5B1", "one": "#4DA3FF", "two": "#B79BFF"},
}  # fmt: skip
# For bars, which have figures in the theme's text colour on them.
BARS: Mapping[Theme, Mapping[str, str]] = {
    "light": {"good": "#7FD38F", "watch": "#FFCE6B", "bad": "#FF9A92", "grey": "#C3CAD3",
              "two": "#C6B4FF"},
    "dark": {"good": "#118832", "watch": "#A35F00", "bad": "#C81E1E", "grey": "#5A6572",
             "two": "#6B47C9"},
}  # fmt: skip
# For cell backgrounds, which have text in the theme's text colour.
FILLS: Mapping[Theme, Mapping[str, str]] = {
    "light": {"good": "#D9F2DF", "watch": "#FFECC2", "bad": "#FFD5D2", "worst": "#F3BBD6",
              "calm": "#FFFFFF00"},
    "dark": {"good": "#174A24", "watch": "#5A4205", "bad": "#6E1D1D", "worst": "#6B1343",
             "calm": "#00000000"},
}  # fmt: skip

SCORES = (
    "`scoreback_index` sourcetype=scoreback:score {stage} scoreback_alert=true "
    "scoreback_detector={detector} | dedup scoreback_score_id"
)
# Scores over the threshold or drawn: those that raise alerts, and those shown apart from them.
STAGES = {
    "alerts": "scoreback_stage=live",
    "beside": "scoreback_stage IN (audit, explore)",
    "versions": "scoreback_stage IN (live, shadow)",
}
HEALTH = (
    "`scoreback_index` sourcetype=scoreback:health scoreback_health_kind IN ({kinds}) "
    "scoreback_detector={detector} | dedup scoreback_health_id"
)
# For each detector, kind and subject, the latest document; a figure that is missing there is
# unknown, whatever earlier documents said.
NEWEST = "sort 0 - _time | dedup scoreback_detector scoreback_health_kind scoreback_health_subject"
DETECTORS = (
    "`scoreback_index` sourcetype=scoreback:health scoreback_health_kind=status "
    "| stats count BY scoreback_detector | sort 0 scoreback_detector | fields scoreback_detector"
)
CHOSEN = "$detector|s$"
SCORE_LINK = (
    "/app/scoreback/search?q=search%20%60scoreback_index%60%20sourcetype%3Dscoreback%3Ascore%20"
    "scoreback_score_id%3D$row._score_id.value$"
    "&earliest=$row._from.value$&latest=$row._to.value$"
)
DETECTOR_LINK = "/app/scoreback/scoreback_well{suffix}?form.detector=$row.Detector.value|u$"


def views() -> Iterator[tuple[str, str]]:
    """The name and XML of each view."""
    for source in sorted((HERE / "splunk").glob("*.yml")):
        view = yaml.safe_load(source.read_text())
        for theme in THEMES:
            name = view["view"] + _suffix(theme)
            yield name, _xml(view, theme, studio(view, theme))


def studio(view: Mapping[str, Any], theme: Theme) -> dict[str, Any]:
    """The Dashboard Studio definition of *view*."""
    sources: dict[str, Any] = {}
    panels: dict[str, Any] = {}
    layouts: dict[str, Any] = {}
    for number, tab in enumerate(view["tabs"], start=1):
        structure = []
        y = 0
        for row in tab["rows"]:
            x = 0
            for panel, columns in zip(row["panels"], _columns(row["panels"]), strict=True):
                sources[f"ds_{panel['id']}"] = _search(view, panel)
                panels[f"viz_{panel['id']}"] = _panel(panel, theme)
                width = WIDTH * columns // COLUMNS
                place = {"x": x, "y": y, "w": width, "h": row["height"]}
                structure.append({"item": f"viz_{panel['id']}", "type": "block", "position": place})
                x += width
            y += row["height"]
        layouts[f"layout_{number}"] = {
            "type": "grid", "options": {"width": WIDTH}, "structure": structure,
        }  # fmt: skip
    inputs = {f"input_{name.split('_')[0]}": _input(name) for name in view["inputs"]}
    sources["ds_input_detector"] = {
        "type": "ds.search",
        "name": "Detectors",
        "options": {
            "query": DETECTORS,
            "queryParameters": {"earliest": "-30d@d", "latest": "now"},
        },
    }
    return {
        "version": "1.0.0",
        "title": view["title"],
        "description": view["description"],
        "dataSources": sources,
        "visualizations": panels,
        "inputs": inputs,
        "layout": {
            "globalInputs": list(inputs),
            "tabs": {
                "items": [
                    {"layoutId": f"layout_{number}", "label": tab["label"]}
                    for number, tab in enumerate(view["tabs"], start=1)
                ],
                "options": {"showTabBar": len(view["tabs"]) > 1},
            },
            "layoutDefinitions": layouts,
        },
    }


def search_of(panel: Mapping[str, Any]) -> str:
    """The SPL of *panel*."""
    source = panel["from"]
    if "scores" in source:
        parts = [SCORES.format(stage=STAGES[source["scores"]], detector=CHOSEN)]
    else:
        kinds = ", ".join(source["health"])
        parts = [HEALTH.format(kinds=kinds, detector=CHOSEN)]
        if source.get("of") == "now":
            parts.append(NEWEST)
    return " | ".join([*parts, panel["then"]])


def _search(view: Mapping[str, Any], panel: Mapping[str, Any]) -> dict[str, Any]:
    window = {"earliest": "$time.earliest$", "latest": "$time.latest$"}
    if panel["from"].get("of") == "now":
        window = {"earliest": view["latest_within"], "latest": "now"}
    return {
        "type": "ds.search",
        "name": panel["title"],
        "options": {
            "query": search_of(panel),
            "queryParameters": window,
            "refresh": view["refresh"],
            "refreshType": "delay",
        },
    }


def _panel(panel: Mapping[str, Any], theme: Theme) -> dict[str, Any]:
    made: dict[str, Any] = {
        "dataSources": {"primary": f"ds_{panel['id']}"},
        "title": panel["title"],
        **_SHOWN[panel["show"]](panel, theme),
    }
    words = panel.get("description") or panel.get("note")
    if words:
        made["description"] = words
    links = {"score": SCORE_LINK, "detector": DETECTOR_LINK.format(suffix=_suffix(theme))}
    if "opens" in panel:
        to = next(iter(set(panel["opens"].values())))
        made["eventHandlers"] = [
            {
                "type": "drilldown.customUrl",
                "options": {
                    "url": links[to],
                    "newTab": True,
                    "events": ["cell.click"],
                    "fields": list(panel["opens"]),
                },
            }
        ]
    return made


def _figure(panel: Mapping[str, Any], theme: Theme) -> dict[str, Any]:
    options: dict[str, Any] = {
        "sparklineDisplay": "off",
        "trendDisplay": "off",
        "numberPrecision": panel.get("precision", 0),
    }
    context = {}
    if "unit" in panel:
        options["unit"] = "\u00a0" + panel["unit"]
    if "colours" in panel:
        options["majorColor"] = "> majorValue | rangeValue(colours)"
        context["colours"] = _ranges(panel["colours"], INKS[theme])
    return {"type": "splunk.singlevalue", "options": options, "context": context}


def _word(panel: Mapping[str, Any], theme: Theme) -> dict[str, Any]:
    options = {
        "sparklineDisplay": "off",
        "trendDisplay": "off",
        "majorColor": "> majorValue | matchValue(colours)",
    }
    colours = [{"match": word, "value": INKS[theme][c]} for word, c in panel["words"].items()]
    return {"type": "splunk.singlevalue", "options": options, "context": {"colours": colours}}


def _table(panel: Mapping[str, Any], theme: Theme) -> dict[str, Any]:
    formats: dict[str, dict[str, Any]] = {}
    context: dict[str, Any] = {}
    for column, width in panel.get("widths", {}).items():
        formats.setdefault(column, {})["width"] = width
    for number, (column, cells) in enumerate(panel.get("cells", {}).items()):
        context[f"fills{number}"] = _ranges(cells, FILLS[theme])
        formats.setdefault(column, {})["rowBackgroundColors"] = (
            f"> table | seriesByName({json.dumps(column)}) | rangeValue(fills{number})"
        )
    for number, (column, words) in enumerate(panel.get("words", {}).items()):
        fills = [{"match": word, "value": FILLS[theme][c]} for word, c in words.items()]
        context[f"words{number}"] = fills
        formats.setdefault(column, {})["rowBackgroundColors"] = (
            f"> table | seriesByName({json.dumps(column)}) | matchValue(words{number})"
        )
    options = {"columnFormat": formats, "showInternalFields": False, "count": 20}
    return {"type": "splunk.table", "options": options, "context": context}


def _lines(panel: Mapping[str, Any], theme: Theme) -> dict[str, Any]:
    options = _axes(panel, theme) | {
        "nullValueDisplay": "connect",
        "markerDisplay": "filled" if panel.get("markers") else "off",
        "lineDashStylesByField": dict.fromkeys(panel.get("dashed", ()), "shortDash"),
    }
    if "right" in panel:
        options |= {
            "overlayFields": panel["right"],
            "showOverlayY2Axis": True,
            "y2AxisTitleText": panel["right_axis"],
        }
    return {"type": "splunk.line", "options": options}


def _columns_chart(panel: Mapping[str, Any], theme: Theme) -> dict[str, Any]:
    return {"type": "splunk.column", "options": _axes(panel, theme) | {"stackMode": "stacked"}}


def _bars(panel: Mapping[str, Any], theme: Theme) -> dict[str, Any]:
    stacked = bool(panel.get("stacked"))
    options = _axes(panel, theme) | {
        "stackMode": "stacked" if stacked else "auto",
        "dataValuesDisplay": "all",
        "legendDisplay": "bottom" if stacked else "off",
    }
    return {"type": "splunk.bar", "options": options}


def _axes(panel: Mapping[str, Any], theme: Theme) -> dict[str, Any]:
    options: dict[str, Any] = {
        "legendDisplay": "bottom",
        "legendTruncation": "ellipsisMiddle",
        "xAxisTitleVisibility": "hide",
    }
    if "axis" in panel:
        options["yAxisTitleText"] = panel["axis"]
    low, high = panel.get("range", (None, None))
    if low is not None:
        options["yAxisMin"] = low
    if high is not None:
        options["yAxisMax"] = high
    if "tints" in panel:
        inks = BARS[theme] if panel["show"] == "bars" else INKS[theme]
        options["seriesColorsByField"] = {k: inks[v] for k, v in panel["tints"].items()}
    return options


_SHOWN = {
    "figure": _figure, "word": _word, "table": _table, "lines": _lines, "columns": _columns_chart,
    "bars": _bars,
}  # fmt: skip


def _input(name: str) -> dict[str, Any]:
    """An input at the top of a view; its token is the first word of *name*."""
    if name.startswith("time"):
        default = "-7d@h,now" if name == "time_week" else "-24h@h,now"
        return {
            "type": "input.timerange",
            "title": "Time",
            "options": {"token": "time", "defaultValue": default},
        }
    every = name == "detectors"
    series = (
        '> primary | seriesByName("scoreback_detector") | renameSeries({}) | formatByType(text)'
    )
    statics = " | prepend(every)" if every else ""
    context: dict[str, Any] = {
        "text": {"number": {"prefix": ""}},
        "label": series.format('"label"'),
        "value": series.format('"value"'),
    }
    options: dict[str, Any] = {
        "items": f"> frame(label, value){statics} | objects()",
        "token": "detector",
    }
    if every:
        context |= {
            "statics": [["All detectors"], ["*"]],
            "every": "> statics | formatByType(text)",
        }
        options["defaultValue"] = "*"
    else:
        options["selectFirstSearchResult"] = True
    return {
        "type": "input.dropdown",
        "title": "Detector",
        "options": options,
        "context": context,
        "dataSources": {"primary": "ds_input_detector"},
    }


def _columns(panels: list[Mapping[str, Any]]) -> list[int]:
    """How many of the twelve columns each of *panels* takes."""
    widths = [panel.get("width", COLUMNS // len(panels)) for panel in panels]
    if sum(widths) != COLUMNS:
        names = ", ".join(panel["id"] for panel in panels)
        raise ValueError(f"the panels {names} take {sum(widths)} columns, not {COLUMNS}")
    return widths


def _ranges(steps: list[list[Any]], colours: Mapping[str, str]) -> list[dict[str, Any]]:
    """``[[0, good], [80, bad]]``: each value with the colour that begins there."""
    made: list[dict[str, Any]] = []
    for number, (value, colour) in enumerate(steps):
        one: dict[str, Any] = {"value": colours[colour]}
        if number:
            one["from"] = value
        if number + 1 < len(steps):
            one["to"] = steps[number + 1][0]
        made.append(one)
    return made


def _suffix(theme: Theme) -> str:
    return "_dark" if theme == "dark" else ""


def _xml(view: Mapping[str, Any], theme: Theme, definition: Mapping[str, Any]) -> str:
    text = json.dumps(definition, indent=2, ensure_ascii=False)
    if "]]>" in text:
        raise ValueError(f"{view['view']}: ]]> would end the definition early")
    label = view["title"] + (" (dark)" if theme == "dark" else "")
    return (
        f'<dashboard version="2" theme="{theme}">\n'
        f"  <label>{escape(label)}</label>\n"
        f"  <description>{escape(view['description'])}</description>\n"
        f"  <definition><![CDATA[\n{text}\n]]></definition>\n"
        f'  <meta type="hiddenElements"><![CDATA[\n'
        f'{{"hideEdit": false, "hideOpenInSearch": false, "hideExport": false}}\n]]></meta>\n'
        f"</dashboard>\n"
    )


def definition_in(xml: str) -> dict[str, Any]:
    """The Studio definition in a view's XML."""
    found = re.search(r"<definition><!\[CDATA\[(.*?)\]\]></definition>", xml, re.DOTALL)
    if found is None:
        raise ValueError("this is not a Dashboard Studio view")
    definition: dict[str, Any] = json.loads(found[1])
    return definition


def main() -> int:
    """Write the views, or report which are out of date."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 where any differs")
    check = parser.parse_args().check
    stale = []
    for name, xml in views():
        path = VIEWS / f"{name}.xml"
        if check and (not path.exists() or path.read_text() != xml):
            stale.append(path.name)
        elif not check:
            path.write_text(xml)
    if stale:
        print(f"not up to date: {', '.join(stale)}\n  try: python {__file__}", file=sys.stderr)
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
