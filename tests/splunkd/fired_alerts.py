"""Endpoint alerts/fired_alerts."""

from starlette.responses import Response

from tests.splunkd.atom import Entry
from tests.splunkd.messages import not_found
from tests.splunkd.routing import Call, Router
from tests.splunkd.scheduling.alerts import FiredAlert

router = Router()
_BASE = "alerts/fired_alerts"
_ALL = "-"


@router.on("GET", _BASE)
def _groups(call: Call) -> Response:
    fired = call.instance.alerts.fired
    entries = [Entry(_ALL, _BASE, {"triggered_alert_count": len(fired)})] if fired else []
    for name in sorted({alert.search for alert in fired}):
        own = call.instance.alerts.of(name)
        entries.append(Entry(name, _BASE, {"triggered_alert_count": len(own)}, own[0].app))
    return call.page("alerts", entries)


def _entry(alert: FiredAlert) -> Entry:
    content = {
        "actions": ",".join(alert.actions),
        "alert_type": "historical",
        "digest_mode": True,
        "expiration_time_rendered": "",
        "savedsearch_name": alert.search,
        "severity": alert.severity,
        "sid": alert.sid,
        "trigger_time": int(alert.at),
        "triggered_alerts": alert.results,
    }
    return Entry(alert.name, _BASE, content, alert.app, alert.owner, published=alert.at)


@router.on("GET DELETE", f"{_BASE}/{{name}}")
def _group(call: Call) -> Response:
    name, alerts = call.parts["name"], call.instance.alerts
    if call.method == "DELETE":
        if all(alert.name != name for alert in alerts.fired):
            raise not_found(f"{_BASE}/{name}")
        alerts.fired = [alert for alert in alerts.fired if alert.name != name]
        return call.page("alerts", [])
    fired = alerts.fired if name == _ALL else alerts.of(name)
    saved = call.instance.confs.get("savedsearches", name)
    if not fired and name != _ALL and saved is None:
        raise not_found(f"{_BASE}/{name}")
    return call.page("alerts", [_entry(alert) for alert in fired])
