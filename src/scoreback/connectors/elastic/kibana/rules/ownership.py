"""Whose a detection rule's keys are: what is ours to write, and what the user's to keep."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from os.path import commonprefix
from typing import Any

from scoreback.connectors.elastic.kibana.rules.body import READS_AGAIN, Wanted, look_back
from scoreback.connectors.elastic.kibana.rules.mark import Mark
from scoreback.deployment import Found, Standing

# What Kibana keeps of a rule beside our keys; a request that replaces the rule repeats it.
THEIRS = (
    "actions", "exceptions_list", "filters", "meta", "namespace", "outcome", "response_actions",
    "rule_name_override", "saved_id", "throttle", "timeline_id", "timeline_title",
)  # fmt: skip
_OF_THE_TYPE = frozenset({"filters", "outcome", "saved_id"})  # of those: not every type has them
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_NO_RIGHTS = re.compile(
    r"unable to authenticate|security_exception|unauthori[sz]ed|api key", re.IGNORECASE
).search
_LONGEST = 60  # characters of a value that a difference shows


@dataclass(frozen=True, slots=True)
class DetectionRule:
    """A detection rule as it is in Kibana, and what we know of having written it."""

    there: Mapping[str, Any]
    mark: Mark | None

    def changes(self, wanted: Wanted) -> dict[str, Any]:
        """What has to be written for the rule to be as *wanted*; None: the key is to go.

        What is the user's, or was changed by them and is theirs to change, is not in it.
        """
        found = {
            key: value
            for key, value in wanted.ours.items()
            if not same(self.there.get(key), value) and not self._as_sent(key, value)
        }
        followed = self._followed(wanted)
        return found | {k: v for k, v in followed.items() if not self._stands(k, v)}

    def standing(self, wanted: Wanted, *, paused: bool) -> Found:
        """How it stands to *wanted*, which is *paused* by us or not."""
        differences = [
            f"{key}: {_change(self.there.get(key), value)}"
            for key, value in sorted(self.changes(wanted).items())
        ]
        switch = self.switch(paused=paused)
        if switch is not None:
            differences.append(f"enabled: {not switch} -> {switch}")
        if not differences and self.has_lost_its_rights:
            rights = "rights: of a key that works no more -> of this connection"
            return Found(standing=Standing.OUTDATED, differences=(rights,))
        if not differences:
            return Found(standing=Standing.CURRENT)
        told = tuple(differences)
        if self.mark is None:
            return Found(standing=Standing.FOREIGN, differences=told)
        kind = Standing.OUTDATED if self._untouched(wanted) else Standing.EDITED
        return Found(standing=kind, differences=told)

    def switch(self, *, paused: bool) -> bool | None:
        """Whether the rule has to be switched on or off by us; None: it stays as it is."""
        enabled = bool(self.there.get("enabled"))
        was_paused = self.mark is not None and self.mark.paused
        if paused and not was_paused and enabled:
            return False
        if not paused and self.mark is not None and self.mark.off and not enabled:
            return True
        return None

    @property
    def has_lost_its_rights(self) -> bool:
        """Whether its last run failed for the key that it runs with, and nobody wrote it since.

        A rule runs with the rights of who wrote it last: writing it again gives it ours.
        """
        last = (self.there.get("execution_summary") or {}).get("last_execution") or {}
        failed = last.get("status") == "failed" and bool(self.there.get("enabled"))
        since = str(last.get("date") or "") > str(self.there.get("updated_at") or "")
        return failed and since and bool(_NO_RIGHTS(str(last.get("message") or "")))

    def whole(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The body of a request that replaces the rule: *changes* made, all else repeated."""
        kept = {
            key: self.there[key]
            for key in (*THEIRS, *self._keys(), "enabled", "rule_id")
            if self.there.get(key) is not None
        }
        if self.there.get("required_fields"):  # Kibana itself says which of them ECS has
            kept["required_fields"] = [
                {"name": one["name"], "type": one["type"]} for one in self.there["required_fields"]
            ]
        return {k: v for k, v in {**kept, **changes}.items() if v is not None}

    def anew(self, wanted: Wanted, *, enabled: bool) -> dict[str, Any]:
        """What goes into a rule of another type that is made in place of this one."""
        theirs = {key: self.there.get(key) for key in THEIRS if key not in _OF_THE_TYPE}
        kept = theirs | self._followed(wanted) | {"enabled": enabled}
        return {key: value for key, value in kept.items() if value is not None}

    def _stands(self, key: str, value: object) -> bool:
        """Whether a followed key has *value*; people order tags as they like."""
        there = self.there.get(key)
        if key == "tags" and isinstance(there, list) and isinstance(value, list):
            return sorted(there) == sorted(value)
        return same(there, value)

    def _keys(self) -> Sequence[str]:
        return tuple(key for key in self.there if key in _WRITTEN)

    def _as_sent(self, key: str, value: object) -> bool:
        """Whether it is what Kibana made of *value* when we sent it."""
        mark = self.mark
        return (
            mark is not None
            and key in mark.sent
            and bool(mark.stored)
            and mark.sent[key] == value
            and same(self.there.get(key), mark.stored.get(key))
        )

    def _untouched(self, wanted: Wanted) -> bool:
        """Whether our keys are as we wrote them: now, or before a write that broke off."""
        return any(
            all(same(self.there.get(key), found.get(key)) for key in wanted.ours if key in found)
            for found in self._written()
        )

    def _followed(self, wanted: Wanted) -> dict[str, Any]:
        """The followed keys as they are to be: ours, unless somebody changed them."""
        found: dict[str, Any] = {}
        for key, value in wanted.followed.items():
            if key == "tags":
                found[key] = self._tags(value)
            elif key == "note":
                found[key] = self._note(value)
            else:
                found[key] = self.there.get(key) if self.is_changed(key) else value
        every = _span(found["interval"])
        if every is not None and not self.is_changed("from"):
            # Who runs it more seldom looks back further; as Kibana wrote it, if it is the same.
            looks_back = _back(self.there.get("from")) == every + READS_AGAIN
            found["from"] = self.there["from"] if looks_back else look_back(every)
        return found

    def is_changed(self, key: str) -> bool:
        """Whether somebody changed a followed key; without a mark, it is theirs as it is."""
        now = self.there.get(key)
        if key == "from" and self.mark is not None:
            every = _span(self.there.get("interval"))
            if every is not None and _back(now) == every + READS_AGAIN:
                return False
        return not any(same(now, known.get(key)) for known in self._written())

    def _written(self) -> list[Mapping[str, Any]]:
        """All that may stand there by our hand, the latest first."""
        if self.mark is None:
            return []
        known = (
            self.mark.stored, self.mark.sent, self.mark.stored_before, self.mark.sent_before,
        )  # fmt: skip
        return [found for found in known if found]

    def _tags(self, wanted: Sequence[str]) -> list[str]:
        """Ours, but for those that somebody took off, and then theirs."""
        there = list(self.there.get("tags") or [])
        mark = self.mark
        arrived = (mark.sent if mark.stored else mark.sent_before) if mark else {}
        taken_off = {tag for tag in arrived.get("tags", ()) if tag not in there}
        ever_ours = {tag for known in self._written() for tag in known.get("tags", ())}
        ours = [tag for tag in wanted if tag not in taken_off]
        return [*ours, *(tag for tag in there if tag not in ever_ours and tag not in ours)]

    def _note(self, wanted: str) -> str | None:
        """Ours with what somebody wrote around it; theirs alone where they rewrote it."""
        there = str(self.there.get("note") or "")
        for known in (*self._written(), {"note": wanted}):
            written = known.get("note")
            if written and written in there:
                return there.replace(written, wanted)
        return there or (wanted if self.mark is None else None)


_WRITTEN = frozenset(
    {
        "type", "language", "index", "query", "from", "to", "interval", "timestamp_override",
        "max_signals", "name", "description", "severity", "risk_score", "severity_mapping",
        "risk_score_mapping", "threat", "investigation_fields", "false_positives", "setup",
        "references", "related_integrations", "author", "license", "building_block_type", "note",
        "alert_suppression", "tags", "data_view_id", "timestamp_override_fallback_disabled",
    }
)  # fmt: skip


def same(now: object, wanted: object) -> bool:
    """Whether *now* is *wanted*, whatever Kibana adds to objects; absent and empty are alike."""
    if wanted in (None, [], "", {}):
        return now in (None, [], "", {})
    if isinstance(wanted, Mapping):
        return isinstance(now, Mapping) and all(same(now.get(k), v) for k, v in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(now, list)
            and len(now) == len(wanted)
            and all(same(a, b) for a, b in zip(now, wanted, strict=True))
        )
    return now == wanted


def _span(text: object) -> timedelta | None:
    if not isinstance(text, str) or text[-1:] not in _UNITS or not text[:-1].isdigit():
        return None
    return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


def _back(text: object) -> timedelta | None:
    return _span(text.removeprefix("now-")) if isinstance(text, str) else None


def _change(now: object, wanted: object) -> str:
    """What becomes of a value, short: from where the two differ, if they are long."""
    before, after = _told(now), _told(wanted)
    start = 0
    if max(len(before), len(after)) > _LONGEST:
        alike = len(commonprefix((before, after)))  # noqa: RUF071 - characters are meant
        start = max(0, alike - _LONGEST // 3)
    return f"{_short(before, start)} -> {_short(after, start)}"


def _told(value: object) -> str:
    return "absent" if value is None else " ".join(str(value).split())


def _short(text: str, start: int) -> str:
    shown = f"...{text[start + 3 :]}" if start > 3 else text
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 3] + "..."
