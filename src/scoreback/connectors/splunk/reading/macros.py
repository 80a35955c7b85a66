"""Expands macros in a selection and checks the result like the rest of the search."""

import re

from scoreback.connectors.splunk.reading.grammar import MACRO_CALL, BaseSearch, parsed
from scoreback.connectors.splunk.wire.client import Client
from scoreback.errors import SiemRefused

_DEEPEST = 10  # levels of macros within macros
_ARGUMENT = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,"]*))\s*(?:,|$)')
_TRUE = frozenset({"1", "true", "True"})


def expanded(client: Client, search: BaseSearch, depth: int = 0) -> str:
    """The text of *search* with its macros expanded.

    Raises:
        SiemRefused: a macro does not exist, is computed, or does more than select.
        SiemUnavailable: Splunk did not answer.
    """
    text = search.text
    if not search.macros:
        return text
    if depth >= _DEEPEST:
        raise SiemRefused("the macros of the selection refer to each other in a loop", hint=_HINT)
    for call in dict.fromkeys(search.macros):
        inside = parsed(_definition(client, call))
        text = text.replace(f"`{call}`", f"({expanded(client, inside, depth + 1)})")
    return parsed(text).text


_HINT = "use a macro that stands for a base search, or write out what it stands for"


def _definition(client: Client, call: str) -> str:
    found = MACRO_CALL.fullmatch(call.strip())
    if found is None:
        raise SiemRefused(f"`{call}` is not a valid macro call", hint=_HINT)
    args = _arguments(found["args"]) if found["args"] is not None else []
    name = found["name"] + (f"({len(args)})" if args else "")
    answer = client.call("GET", client.own("configs/conf-macros", name), absent=(404,))
    if not answer or not answer.get("entry"):
        raise SiemRefused(
            f"the macro `{name}` of the selection does not exist for app {client.settings.app}",
            hint="share it with all apps, or write out what it stands for",
        )
    content = answer["entry"][0]["content"]
    if str(content.get("iseval", "0")) in _TRUE:
        raise SiemRefused(f"the macro `{name}` is an eval macro, not plain text", hint=_HINT)
    text = str(content.get("definition", ""))
    names = [part.strip() for part in str(content.get("args") or "").split(",") if part.strip()]
    if len(names) != len(args):
        raise SiemRefused(f"the macro `{name}` takes {len(names)} arguments", hint=_HINT)
    for argument, value in zip(names, args, strict=True):
        text = text.replace(f"${argument}$", value)
    return text


def _arguments(text: str) -> list[str]:
    found, at = [], 0
    while at < len(text):
        match = _ARGUMENT.match(text, at)
        if match is None or match.end() == at:
            raise SiemRefused(f"the arguments ({text}) of a macro are not valid", hint=_HINT)
        found.append(match[1] if match[1] is not None else (match[2] or "").strip())
        at = match.end()
    return found
