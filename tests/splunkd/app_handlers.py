"""REST handlers that installed apps declare in restmap.conf, really run."""

import json
from urllib.parse import parse_qsl

from starlette.responses import Response

from tests.splunkd import atom
from tests.splunkd.messages import JSON, Refusal
from tests.splunkd.routing import Call
from tests.splunkd_handlers import Call as HandlerCall
from tests.splunkd_handlers import Handlers, Reply


def answer(call: Call, parts: list[str]) -> Response:
    """What the handler of an app says to a request that splunkd itself does not know."""
    accounts = call.instance.accounts
    form = call.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    text = call.body.decode(errors="replace")
    asked = HandlerCall(
        method=call.method,
        path="/" + "/".join(parts),
        user=call.user.name,
        session_key=call.session_key or accounts.session_of(call.user.name),
        system_key=accounts.system_session(),
        uri=call.instance.url,
        capabilities=frozenset(accounts.capabilities(call.user.roles)),
        query=list(call.query.items()),
        form=parse_qsl(text, keep_blank_values=True) if form else [],
        body=text,
    )
    for app in call.instance.apps():
        if app.folder is None or not (app.folder / "default" / "restmap.conf").is_file():
            continue
        reply = Handlers(app.folder).answer(asked)
        if reply is not None:
            return _response(call, reply, parts[0], app.name)
    raise Refusal(404, "Not Found")


def _response(call: Call, reply: Reply, member: str, app: str) -> Response:
    if reply.message:
        raise Refusal(reply.status, reply.message)
    if reply.entries is None:
        payload = reply.payload
        body = payload if isinstance(payload, str) else json.dumps(payload)
        return Response(body, reply.status, media_type=JSON)
    entries = [atom.Entry(entry.name, member, entry.content, app) for entry in reply.entries]
    return call.feed(atom.Feed(member, entries), reply.status)
