"""The mark on Scoreback's saved searches: what was written, to detect a change by hand.

It is stored in parameters of the app's own alert action, which Splunk keeps with any saved search
once the app is installed: a digest of Scoreback's keys, and a list of the followed keys with their
values.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from scoreback.connectors.splunk.rules.stanza import OUR_ACTIONS, PARAM, Wanted
from scoreback.deployment import Found, Standing

RULE, DIGEST, WRITTEN = f"{PARAM}rule", f"{PARAM}digest", f"{PARAM}written"
ACTIONS = "actions"

_TRUE, _FALSE = ("1", "true", "t", "yes"), ("0", "false", "f", "no")
_SWITCHES = frozenset(
    {
        "is_scheduled", "is_visible", "realtime_schedule", "alert.digest_mode", "alert.track",
        "alert.suppress", "action.correlationsearch.enabled", "action.escu", "action.escu.enabled",
    }
)  # fmt: skip
_ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSearch:
    """A saved search as it is in Splunk."""

    content: Mapping[str, str]

    @classmethod
    def of(cls, content: Mapping[str, object]) -> Self:
        """Build from the content of an entry; a switch becomes 1 or 0, however Splunk writes it."""
        return cls(content={key: _text(key, value) for key, value in content.items()})

    @property
    def actions(self) -> tuple[str, ...]:
        """The names of the actions that run."""
        named = self.content.get(ACTIONS, "").split(",")
        return tuple(name.strip() for name in named if name.strip())

    def followed(self, wanted: Wanted) -> dict[str, str]:
        """Those of *wanted*'s followed keys that nobody has changed since Scoreback wrote them."""
        written = self._followed_then()
        return {
            key: value
            for key, value in wanted.followed.items()
            if key not in written or self.content.get(key, "") == written[key]
        }

    def standing(self, name: str, wanted: Wanted) -> Found:
        """How it compares with *wanted*, the saved search of the rule called *name*."""
        will = {**wanted.ours, **self.followed(wanted), ACTIONS: own(wanted.actions)}
        differences = tuple(
            f"{key}: {now or _ABSENT} -> {then or _ABSENT}"
            for key, then in sorted(will.items())
            if (now := self._now(key)) != then
        )
        if not self.content.get(DIGEST) or self.content.get(RULE) != name:
            return Found(standing=Standing.FOREIGN, differences=differences)
        if not differences:
            return Found(standing=Standing.CURRENT)
        ours = {key: self._now(key) for key in self._keys_then()}
        written = digest(ours) == self.content[DIGEST]
        kind = Standing.OUTDATED if written else Standing.EDITED
        return Found(standing=kind, differences=differences)

    def _now(self, key: str) -> str:
        return own(self.actions) if key == ACTIONS else self.content.get(key, "")

    def _keys_then(self) -> list[str]:
        keys = self._written().get("keys")
        return [str(key) for key in keys] if isinstance(keys, list) else []

    def _followed_then(self) -> dict[str, str]:
        values = self._written().get("followed")
        pairs = values.items() if isinstance(values, dict) else ()
        return {str(key): str(value) for key, value in pairs}

    def _written(self) -> dict[str, object]:
        try:
            found = json.loads(self.content.get(WRITTEN) or "{}")
        except json.JSONDecodeError:  # an edit by hand: then the digest does not match either
            return {}
        return found if isinstance(found, dict) else {}


def marked(wanted: Wanted) -> dict[str, str]:
    """The mark on the saved search written from *wanted*."""
    ours = {**wanted.ours, ACTIONS: own(wanted.actions)}
    written = {"keys": sorted(ours), "followed": wanted.followed}
    return {DIGEST: digest(ours), WRITTEN: json.dumps(written, sort_keys=True)}


def digest(values: Mapping[str, str]) -> str:
    """A digest of *values*: 32 hex digits."""
    data = json.dumps(sorted(values.items()), ensure_ascii=False).encode()
    return hashlib.sha256(data).hexdigest()[:32]


def own(actions: Iterable[str]) -> str:
    """Those of *actions* that Scoreback wants, as one text."""
    return ",".join(sorted(OUR_ACTIONS.intersection(actions)))


def _text(key: str, value: object) -> str:
    text = "" if value is None else str(value)
    if isinstance(value, bool) or key in _SWITCHES:
        if text.lower() in _TRUE:
            return "1"
        if text.lower() in _FALSE:
            return "0"
    return text
