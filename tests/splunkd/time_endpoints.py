"""Endpoints that an input of times asks: the ranges it offers, and what a modifier means."""

import json
from xml.sax.saxutils import escape, quoteattr

from starlette.responses import Response

from tests.splunkd.atom import Entry
from tests.splunkd.messages import JSON, XML, Refusal
from tests.splunkd.routing import Call, Router
from tests.splunkd.spl.times import instant, shown
from tests.splunkd.spl.values import SearchRefused

router = Router()
_TIMES = "data/ui/times"
_RANGES = (
    ("last_60_minutes", "Last 60 minutes", "-60m@m"),
    ("last_24_hours", "Last 24 hours", "-24h@h"),
    ("last_7_days", "Last 7 days", "-7d@h"),
    ("last_30_days", "Last 30 days", "-30d@d"),
)


@router.on("GET", _TIMES)
def _ranges(call: Call) -> Response:
    entries = [
        Entry(name, _TIMES, {"label": label, "earliest_time": earliest, "latest_time": "now",
                             "order": 10 * place, "disabled": False})
        for place, (name, label, earliest) in enumerate(_RANGES, 1)
    ]  # fmt: skip
    return call.page("times-conf", entries)


@router.on("GET", "search/timeparser")
def _parsed(call: Call) -> Response:
    """Each ``time`` as ISO text or, with ``output_time_format=%s``, in epoch seconds."""
    call.needed("time")
    form = call.args.get("output_time_format", "")
    if form not in ("", "%s", "%s.%Q"):
        raise Refusal(400, "The simulator knows output_time_format %s and %s.%Q only.")
    try:
        now = instant(call.args.get("now", ""), call.instance.clock.now())
        at = call.instance.clock.now() if now is None else now
        found = {given: _text(instant(given, at), form) for given in call.lists["time"]}
    except SearchRefused as refused:
        raise Refusal(400, str(refused)) from refused
    if call.output_mode.startswith("json"):
        return Response(json.dumps(found), media_type=JSON)
    keys = "".join(f"<key name={quoteattr(k)}>{escape(v)}</key>" for k, v in found.items())
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<response><dict>{keys}</dict></response>\n'
    return Response(body, media_type=XML)


def _text(seconds: float | None, form: str) -> str:
    if seconds is None:
        return ""
    if not form:
        return shown(seconds)
    return f"{seconds:.0f}" if form == "%s" else f"{seconds:.3f}"
