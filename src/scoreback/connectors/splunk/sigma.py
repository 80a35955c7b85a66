"""Translates a Sigma rule into a Splunk search, and fields into those of Splunk's add-ons."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from scoreback.connectors.doors import SigmaTranslation
from scoreback.errors import SiemRefused

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_PIPED = "it needs a pipe, and a selection has none"
_NARROW = "begin the search with index= and sourcetype= of this log source"
_ONE_CHARACTER = "a ? in the rule became *, because Splunk has no wildcard for one character"
_RULE_NAMES = {"EventID": "EventCode"}  # as the add-on for Windows extracts it
_EVENT_NAMES = {"host.name": "host", "source.ip": "src", "user.name": "user"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SplunkTranslation(SigmaTranslation):
    """A search, with Splunk's names for the fields of events."""

    def selection(self, detector: str, fields: Mapping[str, str]) -> Mapping[str, object]:
        """The search, and the fields whose names in Splunk differ from those in events."""
        del detector
        named = {
            ours: _RULE_NAMES.get(asked, asked) if asked else _EVENT_NAMES.get(ours, ours)
            for ours, asked in fields.items()
        }
        renamed = {ours: theirs for ours, theirs in named.items() if ours != theirs}
        return {**self.words, "fields": renamed} if renamed else self.words


class SplunkSigma:
    """Selects by a search without pipes."""

    needs: ClassVar[tuple[str, ...]] = ("sigma.backends.splunk",)

    def translate(self, rule: Mapping[str, object]) -> SigmaTranslation:
        """The rule's search; events' field names do not depend on Splunk."""
        from sigma.backends.splunk import SplunkBackend
        from sigma.pipelines.splunk import splunk_windows_pipeline

        from scoreback.connectors.sigma_rules import (
            converted,
            items,
            left_out,
            parsed,
            unmapped,
            values,
        )

        own = parsed(rule)
        asked = [str(v) for item in items(own) if item.field is not None for v in values(item)]
        pipeline = splunk_windows_pipeline()  # type: ignore[no-untyped-call]
        found = converted(SplunkBackend(pipeline), own, _not_a_selection)
        why_not = found.why_not or _not_a_selection(found.query)
        if why_not:
            return SplunkTranslation(why_not=why_not)
        hints = [_NARROW]
        if any("?" in value for value in asked):
            hints.append(_ONE_CHARACTER)
        hints += (left_out(part) for part in found.left_out)
        if own.logsource.product != "windows":
            names = sorted({item.field for item in items(own) if item.field is not None})
            hints += [unmapped(names)] if names else []
        return SplunkTranslation(words={"search": found.query}, hints=tuple(hints))


def _not_a_selection(query: str) -> str:
    """Why the connector would refuse to read by *query*; "" if it would not."""
    if "|" in _QUOTED.sub("", query):
        return _PIPED
    from scoreback.connectors.splunk.reading.grammar import parsed as understood

    try:
        understood(query)
    except SiemRefused as error:
        return error.message
    return ""
