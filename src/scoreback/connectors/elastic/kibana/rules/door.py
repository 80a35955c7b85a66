"""The alert rules door: detection rules of one space of Kibana."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import msgspec

from scoreback.connectors.elastic.kibana.client import Answer, Kibana
from scoreback.connectors.elastic.kibana.rules.body import Wanted, limits, rule_id, wanted
from scoreback.connectors.elastic.kibana.rules.mark import Mark, Marks
from scoreback.connectors.elastic.kibana.rules.ownership import DetectionRule, same
from scoreback.connectors.elastic.kibana.rules.toml import rule_file
from scoreback.connectors.elastic.kibana.versions import Version, differences
from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.wire.client import Client
from scoreback.connectors.elastic.wire.required_index import require
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
from scoreback.errors import SiemRefused, SiemUnavailable

# attempts to write a rule that somebody creates, changes or removes at the same moment
ATTEMPTS = 5
PATH = "/api/detection_engine/rules"
# edited by both Scoreback and users, so Kibana's value is not Scoreback's alone
PATCHWORK = frozenset({"tags", "note"})
_CHANGED_MEANWHILE = (404, 409)


class Rules:
    """The alert rules of one connection, as detection rules of its space."""

    delivers = (Delivery.FINDING, Delivery.RISK)
    reads = frozenset(Reads)

    def __init__(
        self,
        kibana: Kibana,
        client: Client,
        names: Names,
        has_suppression: Callable[[], bool],
        clusters: Sequence[str] = (),
    ) -> None:
        """Keep rules through *kibana*, and records of what was written through *client*.

        Events are in *clusters*, as the connection says.
        """
        self._kibana, self._client, self._names = kibana, client, names
        self._marks = Marks(client, names, kibana.space)
        self._has_suppression, self._clusters = has_suppression, clusters

    @property
    def suppresses(self) -> frozenset[Suppress]:
        """What detection rules suppress: a throttle, if the licence has alert suppression."""
        return frozenset({Suppress.THROTTLE}) if self._has_suppression() else frozenset()

    def current(self, name: str) -> AlertRule | None:
        """The rule called *name*, or None."""
        found = self._read(name)
        if found is None:
            return None
        try:
            return rule_from(found.mark.rule if found.mark else {})
        except (KeyError, TypeError, ValueError) as error:
            raise SiemRefused(
                f"the alert rule {name!r} is in Kibana, but Scoreback's record of it is missing in"
                f" {self._names.rules}",
                hint="see `scoreback plan`; `scoreback apply --take-over` rewrites it",
            ) from error

    def standing(self, rule: AlertRule) -> Found:
        """How *rule* stands; the user's keys are not compared."""
        told = limits(rule, self._clusters)
        there = self._read(rule.name)
        if there is None:
            mark = self._marks.read(rule.name)
            if mark is None or not mark.anew:
                return Found(standing=Standing.ABSENT, limits=told)
            broke_off = ("type: absent -> its replacement was begun",)
            return Found(standing=Standing.OUTDATED, differences=broke_off, limits=told)
        found = there.standing(self._wanted(rule, there.mark), paused=rule.paused)
        if found.standing != Standing.CURRENT and self._kibana.known_version is None:
            found = there.standing(self._wanted(rule), paused=rule.paused)
        return replace(found, limits=told)

    def apply(self, rule: AlertRule) -> None:
        """Create or replace the detection rule of *rule*; the user's keys stay."""
        require(self._client, self._names.rules)
        will = self._wanted(rule)
        for _ in range(ATTEMPTS):
            there = self._read(rule.name)
            written = self._create(rule, will) if there is None else self._update(rule, will, there)
            if written:
                return
        raise SiemUnavailable(
            f"alert rule {rule.name!r} is being changed by somebody else", hint="apply it again"
        )

    def rule_file(self, rule: AlertRule, *, created: date, updated: date) -> str:
        """The detection rule of *rule* as a TOML file for Elastic's detection-rules."""
        return rule_file(self._wanted(rule).body, created=created, updated=updated)

    def remove(self, name: str) -> None:
        """Disable the detection rule of the rule called *name*, then remove it."""
        found = self._read(name)
        if found is not None:
            if found.there.get("enabled"):
                off = found.whole({"enabled": False})
                self._kibana.call("PUT", PATH, off, absent=_CHANGED_MEANWHILE)
            params = {"rule_id": rule_id(self._names, name)}
            self._kibana.call("DELETE", PATH, params=params, absent=(404,))
        self._marks.remove(name)

    def _create(self, rule: AlertRule, will: Wanted) -> bool:
        self._kibana.require_space()
        was = self._marks.read(rule.name)
        kept = was.anew if was else {}
        enabled = bool(kept.get("enabled", True))
        off = rule.paused and (enabled or (was is not None and was.off))
        mark = self._mark(rule, will, off=off)
        self._marks.write(rule.name, replace(mark, anew=kept))
        body = {**will.body, **kept, "enabled": enabled and not rule.paused}
        answer = self._kibana.call("POST", PATH, body, absent=(409,))
        if answer is None:
            return False
        changed = {key for key in kept if not same(kept[key], will.followed.get(key))}
        stored = _part(answer, mark.sent, but=PATCHWORK | changed)
        self._marks.write(rule.name, replace(mark, stored=stored))
        return True

    def _take_away(self, rule: AlertRule, will: Wanted, there: DetectionRule) -> None:
        """Remove a rule of another type, and record what its replacement takes over."""
        switch = there.switch(paused=rule.paused)
        enabled = bool(there.there.get("enabled")) if switch is None else switch
        was = there.mark
        off = rule.paused and (switch is False or (was is not None and was.off))
        mark = replace(self._mark(rule, will, off=off), anew=there.anew(will, enabled=enabled))
        self._marks.write(rule.name, mark)
        self._kibana.call("DELETE", PATH, params={"id": there.there["id"]}, absent=(404,))

    def _update(self, rule: AlertRule, will: Wanted, there: DetectionRule) -> bool:
        if there.there.get("type") != will.ours["type"]:
            self._take_away(rule, will, there)
            return False  # so it does not exist, and is created
        changes, switch = there.changes(will), there.switch(paused=rule.paused)
        anew = there.has_lost_its_rights
        was = there.mark
        off = rule.paused and (switch is False or (was is not None and was.off))
        mark = self._mark(rule, will, off=off)
        now: Mapping[str, Any] = there.there
        if changes or anew or switch is not None:
            before = (was.stored, was.sent) if was else ({}, {})
            broke_off = replace(
                mark,
                stored_before=before[0],
                sent_before=before[1],
                # Until Kibana has answered, the rule may be unchanged: then it is switched again.
                paused=mark.paused and switch is None,
                off=off or (was is not None and was.off),
            )
            self._marks.write(rule.name, broke_off)
            answer = self._write(there, changes, switch, whole=anew)
            if answer is None:
                return False
            now = answer
        theirs = {key for key in will.followed if key in PATCHWORK or there.is_changed(key)}
        done = replace(mark, stored=_part(now, mark.sent, but=theirs))
        if done != was:
            self._marks.write(rule.name, done)
        return True

    def _mark(self, rule: AlertRule, will: Wanted, *, off: bool) -> Mark:
        return Mark(
            rule=rule_body(rule),
            sent={**will.ours, **will.followed},
            kibana=str(self._kibana.version),
            paused=rule.paused,
            off=off,
        )

    def _write(
        self,
        there: DetectionRule,
        changes: Mapping[str, Any],
        switch: bool | None,
        *,
        whole: bool,
    ) -> Mapping[str, Any] | None:
        """Write *changes*; None if the rule was removed or changed at the same moment.

        Sending only single keys cannot undo what somebody else changes beside them. Removing a key,
        and in some versions switching the rule, needs the whole rule.
        """
        if whole or switch is not None or any(value is None for value in changes.values()):
            if self._is_changed(there):
                return None
            method = "PUT"
            on = {} if switch is None else {"enabled": switch}
            body = there.whole({**changes, **on})
        else:
            method, body = "PATCH", {"rule_id": there.there["rule_id"], **changes}
        found: Mapping[str, Any] | None = self._kibana.call(
            method, PATH, body, absent=_CHANGED_MEANWHILE
        )
        return found

    def _is_changed(self, there: DetectionRule) -> bool:
        """Whether somebody has changed or removed the rule since it was read.

        Kibana replaces a rule whatever was changed meanwhile, so this check comes just before the
        write. A change between this check and the write is still lost.
        """
        params = {"id": there.there["id"]}
        now = self._kibana.call("GET", PATH, params=params, absent=(404,)) or {}
        return any(now.get(key) != there.there.get(key) for key in ("revision", "updated_at"))

    def _wanted(self, rule: AlertRule, mark: Mark | None = None) -> Wanted:
        """The detection rule of *rule*; for the version in *mark* if Kibana was not asked yet."""
        version = self._kibana.known_version
        if version is None:
            version = Version.of(mark.kibana) if mark and mark.kibana else self._kibana.version
        return wanted(
            rule,
            self._names,
            differences(version),
            suppresses=self._has_suppression(),
            clusters=self._clusters,
        )

    def _read(self, name: str) -> DetectionRule | None:
        params = {"rule_id": rule_id(self._names, name)}
        answer = self._kibana.send("GET", PATH, params=params, good=(404,))
        if answer.status == 404:
            self._refuse_absent_route(answer)
            return None
        return DetectionRule(self._kibana.decode("GET", PATH, answer), self._marks.read(name))

    def _refuse_absent_route(self, answer: Answer) -> None:
        """Tell a missing rule from a Kibana without any rules feature."""
        try:
            told = msgspec.json.decode(answer.body)
        except msgspec.DecodeError:
            told = None
        if not isinstance(told, dict) or "status_code" not in told:
            raise self._kibana.refused("GET", PATH, answer)


def _part(
    answer: Mapping[str, Any], keys: Mapping[str, Any], *, but: Collection[str]
) -> dict[str, Any]:
    return {key: answer.get(key) for key in keys if key not in but}
