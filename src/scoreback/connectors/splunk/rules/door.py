"""The alert rules door: saved searches in the namespace of Scoreback's app."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from scoreback.connectors.splunk.rules.mark import ACTIONS, SavedSearch, marked
from scoreback.connectors.splunk.rules.spl import NO_FILTER, filter_name, search_name
from scoreback.connectors.splunk.rules.stanza import OUR_ACTIONS, PARAM, deliveries, wanted
from scoreback.connectors.splunk.wire.client import Client
from scoreback.deployment import AlertRule, Delivery, Found, Reads, Standing, Suppress, rule_from
from scoreback.errors import SiemRefused, SiemUnavailable

ATTEMPTS = 5  # attempts to write a saved search that somebody creates or removes at the same moment

_SEARCHES, _MACROS = "saved/searches", "configs/conf-macros"
_THERE = 409


class Rules:
    """The alert rules of one connection."""

    reads = frozenset({Reads.SCORES})

    def __init__(self, client: Client, has_es: Callable[[], bool]) -> None:
        """Keep rules through *client*; *has_es* says whether Enterprise Security is used."""
        self._client, self._has_es = client, has_es

    @property
    def suppresses(self) -> frozenset[Suppress]:
        """What suppresses hits: Scoreback's action; with Enterprise Security only throttling."""
        if self._has_es():
            return frozenset({Suppress.THROTTLE})
        return frozenset(Suppress)

    @property
    def delivers(self) -> tuple[Delivery, ...]:
        """How analysts can receive a hit, the default first."""
        return deliveries(enterprise_security=self._has_es())

    def current(self, name: str) -> AlertRule | None:
        """The rule called *name*, or None."""
        found = self._read(name)
        return None if found is None else _rule(name, found)

    def standing(self, rule: AlertRule) -> Found:
        """How *rule* stands; the user's keys are not compared."""
        found = self._read(rule.name)
        if found is None:
            return Found(standing=Standing.ABSENT)
        return found.standing(rule.name, wanted(rule, enterprise_security=self._has_es()))

    def apply(self, rule: AlertRule) -> None:
        """Create or replace the saved search of *rule*; the user's keys stay.

        The macro that filters its hits is created if it does not exist, and never changed.
        """
        self._make_filter(rule.name)
        will = wanted(rule, enterprise_security=self._has_es())
        name = search_name(rule.name)
        for _ in range(ATTEMPTS):
            there = self._read(rule.name)
            sent = {**will.ours, **marked(will)}
            if there is None:
                # From now on the user decides whether it is enabled, so only creation sets it.
                form = {**sent, **will.followed, ACTIONS: ",".join(will.actions)}
                made = self._client.call(
                    "POST",
                    self._client.own(_SEARCHES),
                    form={"name": name, "disabled": "0", **form},
                    absent=(_THERE,),
                )
                if made is not None:
                    return
                continue
            theirs = [action for action in there.actions if action not in OUR_ACTIONS]
            form = {
                **sent, **there.followed(will), ACTIONS: ",".join([*will.actions, *theirs]),
            }  # fmt: skip
            path = self._client.own(_SEARCHES, name)
            if self._client.call("POST", path, form=form, absent=(404,)) is not None:
                return
        raise SiemUnavailable(
            f"alert rule {rule.name!r} is being changed by somebody else", hint="apply it again"
        )

    def remove(self, name: str) -> None:
        """Remove the rule's saved search, and its macro unless the user filled it."""
        path = self._client.own(_SEARCHES, search_name(name))
        self._client.call("DELETE", path, absent=(404,))
        macro = self._client.own(_MACROS, filter_name(name))
        found = self._client.call("GET", macro, absent=(404,))
        if found is not None and _content(found).get("definition") == NO_FILTER:
            self._client.call("DELETE", macro, absent=(404,))

    def _make_filter(self, rule: str) -> None:
        form = {"name": filter_name(rule), "definition": NO_FILTER}
        self._client.call("POST", self._client.own(_MACROS), form=form, absent=(_THERE,))

    def _read(self, name: str) -> SavedSearch | None:
        path = self._client.own(_SEARCHES, search_name(name))
        found = self._client.call("GET", path, absent=(404,))
        return None if found is None else SavedSearch.of(_content(found))


def _content(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The content of the single entry of *answer*."""
    found: Mapping[str, Any] = answer["entry"][0]["content"]
    return found


def _rule(name: str, there: SavedSearch) -> AlertRule:
    try:
        body = json.loads(there.content.get(f"{PARAM}body") or "")
        return rule_from(body)
    except (KeyError, TypeError, ValueError) as error:
        raise SiemRefused(
            f"the saved search {search_name(name)!r} was not made by Scoreback, or was edited so"
            f" that its rule cannot be read: {error}",
            hint="see `scoreback plan`; `scoreback apply --take-over` rewrites it",
        ) from error
