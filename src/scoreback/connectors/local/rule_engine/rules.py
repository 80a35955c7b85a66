"""Keeps alert rules: the user decides whether a rule is enabled, Scoreback the rest."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from scoreback.connectors.doors.rules import LOOK_BACK
from scoreback.connectors.local.storage import ledger
from scoreback.connectors.local.storage.store import Store
from scoreback.deployment import (
    AlertRule,
    Delivery,
    Found,
    Reads,
    Standing,
    Suppress,
    rule_body,
    rule_from,
)
from scoreback.errors import SiemRefused


class Rules:
    """The alert rules door."""

    suppresses = frozenset(Suppress)
    delivers = (Delivery.FINDING,)
    reads = frozenset({Reads.SCORES})

    def __init__(self, store: Store) -> None:
        """Keep rules in *store*."""
        self._ledger = store.ledger

    def current(self, name: str) -> AlertRule | None:
        """The rule called *name*, or None."""
        with self._ledger.reading() as connection:
            found = connection.scalar(_named(ledger.rules.c.rule, name))
        return None if found is None else rule_from(found)

    def standing(self, wanted: AlertRule) -> Found:
        """Whether the rule exists as wanted; here only Scoreback edits rules."""
        there = self.current(wanted.name)
        if there is None:
            return Found(standing=Standing.ABSENT)
        if there == wanted:
            return Found(standing=Standing.CURRENT)
        was, will = asdict(there), asdict(wanted)
        changed = tuple(f"{k}: {was[k]} -> {will[k]}" for k in was if was[k] != will[k])
        return Found(standing=Standing.OUTDATED, differences=changed)

    def apply(self, wanted: AlertRule) -> None:
        """Create or replace a rule; the user's choice whether it is enabled stays."""
        body = rule_body(wanted)
        insert = sqlite.insert(ledger.rules).values(name=wanted.name, rule=body, enabled=True)
        with self._ledger.writing() as connection:
            if connection.scalar(_named(ledger.rules.c.rule, wanted.name)) == body:
                return
            connection.execute(
                insert.on_conflict_do_update(index_elements=["name"], set_={"rule": body})
            )
            _look_back(connection)

    def remove(self, name: str) -> None:
        """Remove the rule with this name, if it exists; its alerts stay."""
        with self._ledger.writing() as connection:
            connection.execute(ledger.rules.delete().where(ledger.rules.c.name == name))

    def set_enabled(self, name: str, *, enabled: bool) -> None:
        """Enable or disable the rule, as a user does; `apply` keeps the choice.

        Raises:
            SiemRefused: the rule does not exist.
        """
        change = ledger.rules.update().where(ledger.rules.c.name == name)
        with self._ledger.writing() as connection:
            if not connection.execute(change.values(enabled=enabled)).rowcount:
                raise SiemRefused(f"no alert rule is called {name!r}", hint="apply it first")
            _look_back(connection)

    def enabled(self, name: str) -> bool:
        """Whether the rule exists and is enabled."""
        with self._ledger.reading() as connection:
            return bool(connection.scalar(_named(ledger.rules.c.enabled, name)))


def enabled_rules(connection: sa.Connection) -> list[AlertRule]:
    """The enabled rules, by name."""
    query = sa.select(ledger.rules.c.rule).where(ledger.rules.c.enabled).order_by("name")
    return [rule_from(body) for body in connection.scalars(query)]


def _look_back(connection: sa.Connection) -> None:
    """Mark recent scores as unseen, because a rule has changed."""
    of = ledger.segments.c
    newest = connection.scalar(sa.select(sa.func.max(of.max_arrival)).where(of.kind == "scores"))
    if newest is not None:
        lately = newest - LOOK_BACK // timedelta(microseconds=1)
        again = ledger.segments.update().where(of.kind == "scores", of.max_arrival >= lately)
        connection.execute(again.values(evaluated=False))


def _named(column: sa.Column[Any], name: str) -> sa.Select[tuple[Any]]:
    return sa.select(column).where(ledger.rules.c.name == name)
