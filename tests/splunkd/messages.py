"""What splunkd says when it refuses: a status and a list of messages."""

import html
import json
from http import HTTPStatus

from starlette.responses import Response

XML = "text/xml; charset=UTF-8"
JSON = "application/json; charset=UTF-8"


class Refusal(Exception):
    """A request is answered with an error."""

    def __init__(self, status: int, text: str | None = None, kind: str = "ERROR") -> None:
        self.status = status
        self.text = HTTPStatus(status).phrase if text is None else text
        self.kind = kind
        self.headers: dict[str, str] = {}
        super().__init__(f"{status} {self.text}")


def not_found(path: str) -> Refusal:
    """An entity that is not there; *path* is its endpoint and name."""
    return Refusal(404, f"Could not find object id={path}")


def answer(
    status: int, messages: list[tuple[str, str]], output_mode: str, headers: dict[str, str]
) -> Response:
    """A response that carries only messages, each of them a kind and a text."""
    if output_mode.startswith("json"):
        body = json.dumps({"messages": [{"type": kind, "text": text} for kind, text in messages]})
        return Response(body, status, headers, JSON)
    lines = "".join(
        f'    <msg type="{kind}">{html.escape(text)}</msg>\n' for kind, text in messages
    )
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<response>\n  <messages>\n'
        f"{lines}  </messages>\n</response>\n"
    )
    return Response(body, status, headers, XML)
