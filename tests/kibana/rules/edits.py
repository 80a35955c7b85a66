"""The edits of a bulk action: one after the other, on the body of one rule."""

from collections.abc import Callable
from typing import Any

from tests.kibana.rules.schema import Body


class EditFailed(Exception):
    """The rule cannot be edited so; the text is Kibana's."""


def edited(body: Body, edits: list[Any], *, platinum: bool) -> Body:
    """The body after the edits.

    Raises:
        EditFailed: One of them does not fit.
    """
    for edit in edits:
        kind, value = edit.get("type"), edit.get("value")
        if kind not in EDITS:
            raise EditFailed(f"Unsupported bulk edit action type {kind!r}")
        if kind in _SUPPRESSIONS and not platinum:
            raise EditFailed("Alert suppression is enabled with platinum license or above.")
        EDITS[kind](body, value)
    return body


def _added(has: list[Any], more: list[Any]) -> list[Any]:
    return [*has, *(one for one in more if one not in has)]


def _without(has: list[Any], less: list[Any]) -> list[Any]:
    return [one for one in has if one not in less]


def _tags(change: Callable[[list[Any], list[Any]], list[Any]]) -> Callable[[Body, Any], None]:
    def edit(body: Body, value: Any) -> None:  # noqa: ANN401
        body["tags"] = change(body["tags"], value)

    return edit


def _patterns(change: Callable[[list[Any], list[Any]], list[Any]]) -> Callable[[Body, Any], None]:
    def edit(body: Body, value: Any) -> None:  # noqa: ANN401
        if body["type"] in ("esql", "machine_learning"):
            kind = "ES|QL" if body["type"] == "esql" else "Machine learning"
            raise EditFailed(f"{kind} rule doesn't have index patterns property.")
        if body.get("data_view_id"):
            raise EditFailed(
                "Index patterns can't be added. The rule uses a data view."
                if change is _added
                else "Index patterns can't be edited. The rule uses a data view."
            )
        patterns = change(body.get("index") or [], value)
        if not patterns:
            raise EditFailed("Mutated params invalid: Index patterns can't be empty")
        body["index"] = patterns

    return edit


def _set(_has: list[Any], value: list[Any]) -> list[Any]:
    return list(value)


def _highlighted(
    change: Callable[[list[Any], list[Any]], list[Any]],
) -> Callable[[Body, Any], None]:
    def edit(body: Body, value: Any) -> None:  # noqa: ANN401
        has = (body.get("investigation_fields") or {}).get("field_names", [])
        names = change(has, value["field_names"])
        body.pop("investigation_fields", None)
        if names:
            body["investigation_fields"] = {"field_names": names}

    return edit


def _schedule(body: Body, value: Any) -> None:  # noqa: ANN401
    interval, back = value["interval"], value["lookback"]
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    seconds = sum(int(text[:-1]) * units[text[-1]] for text in (interval, back))
    body |= {"interval": interval, "from": f"now-{seconds}s", "to": "now"}


def _timeline(body: Body, value: Any) -> None:  # noqa: ANN401
    body |= {"timeline_id": value["timeline_id"], "timeline_title": value["timeline_title"]}


def _add_actions(body: Body, value: Any) -> None:  # noqa: ANN401
    body["actions"] = _added(body["actions"], value["actions"])


def _set_actions(body: Body, value: Any) -> None:  # noqa: ANN401
    body["actions"] = value["actions"]


def _suppress(body: Body, value: Any) -> None:  # noqa: ANN401
    if body["type"] == "threshold":
        raise EditFailed("Threshold rule doesn't support this action. Use "
                         "set_alert_suppression_for_threshold instead.")  # fmt: skip
    body["alert_suppression"] = {"missing_fields_strategy": "suppress", **value}


def _suppress_threshold(body: Body, value: Any) -> None:  # noqa: ANN401
    if body["type"] != "threshold":
        raise EditFailed(
            f"{body['type']} rule type doesn't support this action. Use 'set_alert_suppression' "
            "instead."
        )
    body["alert_suppression"] = value


def _unsuppress(body: Body, _value: Any) -> None:  # noqa: ANN401
    body.pop("alert_suppression", None)


_SUPPRESSIONS = ("set_alert_suppression", "set_alert_suppression_for_threshold")
EDITS: dict[str, Callable[[Body, Any], None]] = {
    "add_tags": _tags(_added),
    "delete_tags": _tags(_without),
    "set_tags": _tags(_set),
    "add_index_patterns": _patterns(_added),
    "delete_index_patterns": _patterns(_without),
    "set_index_patterns": _patterns(_set),
    "add_investigation_fields": _highlighted(_added),
    "delete_investigation_fields": _highlighted(_without),
    "set_investigation_fields": _highlighted(_set),
    "set_schedule": _schedule,
    "set_timeline": _timeline,
    "add_rule_actions": _add_actions,
    "set_rule_actions": _set_actions,
    "set_alert_suppression": _suppress,
    "set_alert_suppression_for_threshold": _suppress_threshold,
    "delete_alert_suppression": _unsuppress,
}
