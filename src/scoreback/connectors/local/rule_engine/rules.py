"""Keeps alert rules: theirs is whether one is enabled, ours is the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from scoreback.connectors.local.storage import ledger
from scoreback.connectors.local.storage.store import Store
from scoreback.deployment import AlertRule, Found, Resource, Standing
from scoreback.errors import SiemRefused
from scoreback.records import Severity
from scoreback.times import span


class Rules:
    """The door to alert rules."""

    def __init__(self, store: Store) -> None:
        """Keep rules in *store*."""
        self._ledger = store.ledger

    def current(self, name: str) -> AlertRule | None:
        """The rule called *name*, or None."""
        with self._ledger.reading() as connection:
            found = connection.scalar(_named(ledger.rules.c.rule, name))
        return None if found is None else _rule(found)

    def resources(self) -> Sequence[Resource]:
        """None: a folder needs nothing made in advance."""
        return ()

    def standing(self, wanted: AlertRule | Resource) -> Found:
        """Whether the rule is there as wanted; nobody edits rules here but us."""
        there = self.current(_as_rule(wanted).name)
        if there is None:
            return Found(standing=Standing.ABSENT)
        if there == wanted:
            return Found(standing=Standing.CURRENT)
        was, will = asdict(there), asdict(_as_rule(wanted))
        changed = tuple(f"{k}: {was[k]} -> {will[k]}" for k in was if was[k] != will[k])
        return Found(standing=Standing.OUTDATED, differences=changed)

    def apply(self, wanted: AlertRule | Resource) -> None:
        """Create or replace a rule; whether it is enabled stays as the user left it."""
        rule = _as_rule(wanted)
        body = _body(rule)
        insert = sqlite.insert(ledger.rules).values(name=rule.name, rule=body, enabled=True)
        with self._ledger.writing() as connection:
            connection.execute(
                insert.on_conflict_do_update(index_elements=["name"], set_={"rule": body})
            )

    def remove(self, what: str | Resource) -> None:
        """Remove the rule called *what*, if it is there; its alerts stay."""
        if isinstance(what, Resource):
            return  # none was ever made here
        with self._ledger.writing() as connection:
            connection.execute(ledger.rules.delete().where(ledger.rules.c.name == what))

    def set_enabled(self, name: str, *, enabled: bool) -> None:
        """Switch the rule on or off, as a user does; `apply` keeps it.

        Raises:
            SiemRefused: no such rule.
        """
        change = ledger.rules.update().where(ledger.rules.c.name == name)
        with self._ledger.writing() as connection:
            if not connection.execute(change.values(enabled=enabled)).rowcount:
                raise SiemRefused(f"no alert rule is called {name!r}", hint="apply it first")

    def enabled(self, name: str) -> bool:
        """Whether the rule is there and switched on."""
        with self._ledger.reading() as connection:
            return bool(connection.scalar(_named(ledger.rules.c.enabled, name)))


def enabled_rules(connection: sa.Connection) -> list[AlertRule]:
    """The rules that are switched on, by name."""
    query = sa.select(ledger.rules.c.rule).where(ledger.rules.c.enabled).order_by("name")
    return [_rule(body) for body in connection.scalars(query)]


def _as_rule(wanted: AlertRule | Resource) -> AlertRule:
    if isinstance(wanted, AlertRule):
        return wanted
    raise SiemRefused(
        f"the embedded SIEM has no {wanted.kind} {wanted.name!r}", hint="it needs alert rules alone"
    )


def _named(column: sa.Column[Any], name: str) -> sa.Select[tuple[Any]]:
    return sa.select(column).where(ledger.rules.c.name == name)


def _body(rule: AlertRule) -> dict[str, object]:
    throttle = span(rule.throttle)
    return {**asdict(rule), "throttle": throttle, "severity": rule.severity.value}


def _rule(body: Mapping[str, Any]) -> AlertRule:
    return AlertRule(
        **{
            **body,
            "throttle": timedelta(microseconds=body["throttle"]),
            "severity": Severity(body["severity"]),
            "attack": tuple(body["attack"]),
        }
    )
