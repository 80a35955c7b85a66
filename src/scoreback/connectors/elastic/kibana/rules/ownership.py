"""The owners of a detection rule's keys: what Scoreback writes, and what the user keeps."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from os.path import commonprefix
from typing import Any

from scoreback.connectors.elastic.kibana.rules.body import READS_AGAIN, Wanted, look_back
from scoreback.connectors.elastic.kibana.rules.mark import Mark
from scoreback.deployment import Found, Standing

# Keys that Kibana stores beside Scoreback's; a request that replaces the rule repeats them.
THEIRS = (
    "actions", "exceptions_list", "filters", "meta", "namespace", "outcome", "response_actions",
    "rule_name_override", "saved_id", "throttle", "timeline_id", "timeline_title",
)  # fmt: skip
# some of those: not every type has them
_OF_THE_TYPE = frozenset({"filters", "outcome", "saved_id"})
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_NO_RIGHTS = re.compile(
    r"unable to authenticate|security_exception|unauthori[sz]ed|api key", re.IGNORECASE
).search
_LONGEST = 60  # characters of a value shown in a difference


@dataclass(frozen=True, slots=True)
class DetectionRule:
    """A detection rule as it is in Kibana, and the record of what Scoreback wrote."""

    there: Mapping[str, Any]
    mark: Mark | None

    def changes(self, wanted: Wanted) -> dict[str, Any]:
        """The keys to write to make the rule as *wanted*; None: remove the key.

        It leaves out the user's keys, and followed keys that the user changed.
        """
        found = {
            key: value
            for key, value in wanted.ours.items()
            if not same(self.there.get(key), value) and not self._as_sent(key, value)
        }
        followed = self._followed(wanted)
        return found | {k: v for k, v in followed.items() if not self._stands(k, v)}

    def standing(self, wanted: Wanted, *, paused: bool) -> Found:
        """How it compares with *wanted*, which Scoreback has *paused* or not."""
        differences = [
            f"{key}: {_change(self.there.get(key), value)}"
            for key, value in sorted(self.changes(wanted).items())
        ]
        switch = self.switch(paused=paused)
        if switch is not None:
            differences.append(f"enabled: {not switch} -> {switch}")
        if not differences and self.has_lost_its_rights:
            rights = "rights: of a key that no longer works -> of this connection"
            return Found(standing=Standing.OUTDATED, differences=(rights,))
        if not differences:
            return Found(standing=Standing.CURRENT)
        told = tuple(differences)
        if self.mark is None:
            return Found(standing=Standing.FOREIGN, differences=told)
        kind = Standing.OUTDATED if self._untouched(wanted) else Standing.EDITED
        return Found(standing=kind, differences=told)

    def switch(self, *, paused: bool) -> bool | None:
        """Whether Scoreback must enable (True) or disable (False) the rule; None: leave it."""
        enabled = bool(self.there.get("enabled"))
        was_paused = self.mark is not None and self.mark.paused
        if paused and not was_paused and enabled:
            return False
        if not paused and self.mark is not None and self.mark.off and not enabled:
            return True
        return None

    @property
    def has_lost_its_rights(self) -> bool:
        """Whether its last run failed because of its key, and nobody has written the rule since.

        A rule runs with the rights of whoever last wrote it: writing it again gives it those of
        this connection.
        """
        last = (self.there.get("execution_summary") or {}).get("last_execution") or {}
        failed = last.get("status") == "failed" and bool(self.there.get("enabled"))
        since = str(last.get("date") or "") > str(self.there.get("updated_at") or "")
        return failed and since and bool(_NO_RIGHTS(str(last.get("message") or "")))

    def whole(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The body of a request that replaces the rule: *changes* applied, all else repeated."""
        kept = {
            key: self.there[key]
            for key in (*THEIRS, *self._keys(), "enabled", "rule_id")
            if self.there.get(key) is not None
        }
        if self.there.get("required_fields"):  # Kibana itself decides which of them are ECS
            kept["required_fields"] = [
                {"name": one["name"], "type": one["type"]} for one in self.there["required_fields"]
            ]
        return {k: v for k, v in {**kept, **changes}.items() if v is not None}

    def anew(self, wanted: Wanted, *, enabled: bool) -> dict[str, Any]:
        """What a rule of another type takes over when it replaces this one."""
        theirs = {key: self.there.get(key) for key in THEIRS if key not in _OF_THE_TYPE}
        kept = theirs | self._followed(wanted) | {"enabled": enabled}
        return {key: value for key, value in kept.items() if value is not None}

    def _stands(self, key: str, value: object) -> bool:
        """Whether a followed key has *value*; the order of tags does not matter."""
        there = self.there.get(key)
        if key == "tags" and isinstance(there, list) and isinstance(value, list):
            return sorted(there) == sorted(value)
        return same(there, value)

    def _keys(self) -> Sequence[str]:
        return tuple(key for key in self.there if key in _WRITTEN)

    def _as_sent(self, key: str, value: object) -> bool:
        """Whether it is what Kibana made of *value* when Scoreback sent it."""
        mark = self.mark
        return (
            mark is not None
            and key in mark.sent
            and bool(mark.stored)
            and mark.sent[key] == value
            and same(self.there.get(key), mark.stored.get(key))
        )

    def _untouched(self, wanted: Wanted) -> bool:
        """Whether Scoreback's keys are as written: now, or before a write that broke off."""
        return any(
            all(same(self.there.get(key), found.get(key)) for key in wanted.ours if key in found)
            for found in self._written()
        )

    def _followed(self, wanted: Wanted) -> dict[str, Any]:
        """The wanted followed keys: Scoreback's values, unless somebody changed them."""
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
            # A rule that runs less often looks back further; Kibana's notation is kept if equal.
            looks_back = _back(self.there.get("from")) == every + READS_AGAIN
            found["from"] = self.there["from"] if looks_back else look_back(every)
        return found

    def is_changed(self, key: str) -> bool:
        """Whether somebody changed a followed key; without a record, it counts as the user's."""
        now = self.there.get(key)
        if key == "from" and self.mark is not None:
            every = _span(self.there.get("interval"))
            if every is not None and _back(now) == every + READS_AGAIN:
                return False
        return not any(same(now, known.get(key)) for known in self._written())

    def _written(self) -> list[Mapping[str, Any]]:
        """All values that Scoreback may have written there, the latest first."""
        if self.mark is None:
            return []
        known = (
            self.mark.stored, self.mark.sent, self.mark.stored_before, self.mark.sent_before,
        )  # fmt: skip
        return [found for found in known if found]

    def _tags(self, wanted: Sequence[str]) -> list[str]:
        """Scoreback's tags, except those that somebody removed, then the user's."""
        there = list(self.there.get("tags") or [])
        mark = self.mark
        arrived = (mark.sent if mark.stored else mark.sent_before) if mark else {}
        taken_off = {tag for tag in arrived.get("tags", ()) if tag not in there}
        ever_ours = {tag for known in self._written() for tag in known.get("tags", ())}
        ours = [tag for tag in wanted if tag not in taken_off]
        return [*ours, *(tag for tag in there if tag not in ever_ours and tag not in ours)]

    def _note(self, wanted: str) -> str | None:
        """Scoreback's note with users' text around it; only theirs if they rewrote it."""
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
    """Whether *now* equals *wanted*, whatever Kibana adds to objects; absent equals empty."""
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
    """A value's change, shortened: if the values are long, from where they differ."""
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
