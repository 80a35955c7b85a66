"""What tests of the simulator ask it with: one request, plainly."""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.kibana.accounts import PASSWORD, USER
from tests.kibana.simulator import Simulator

BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@dataclass(frozen=True)
class Answer:
    """Status, headers and body of an answer."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:  # noqa: ANN401
        """The body as JSON."""
        return json.loads(self.text)


def ask(
    simulator: Simulator,
    method: str,
    path: str,
    body: object = None,
    *,
    params: Mapping[str, Any] | None = None,
    key: str | None = None,
    headers: Mapping[str, str] | None = None,
    space: str | None = None,
) -> Answer:
    """Ask as the superuser, or with an API key; in the simulator's home space if none is given."""
    where = space or simulator.home
    prefix = "" if where == "default" or path.startswith("/simulator/") else f"/s/{where}"
    query = "?" + urlencode(params, doseq=True) if params else ""
    sent: dict[str, str] = {
        "Authorization": f"ApiKey {key}" if key else BASIC,
        "kbn-xsrf": "true",
        "Content-Type": "application/json",
        **(headers or {}),
    }
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 - our own simulator
        simulator.url + prefix + path + query, data, sent, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return Answer(answer.status, dict(answer.headers), answer.read().decode())
    except urllib.error.HTTPError as refused:
        with refused:
            return Answer(refused.code, dict(refused.headers), refused.read().decode())


def upload(lines: str | bytes, name: str = "rules.ndjson") -> tuple[bytes, dict[str, str]]:
    """Body and header of a multipart request whose part ``file`` has these lines."""
    content = lines.encode() if isinstance(lines, str) else lines
    head = (
        f'--simulated\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/ndjson\r\n\r\n"
    )
    body = head.encode() + content + b"\r\n--simulated--\r\n"
    return body, {"Content-Type": "multipart/form-data; boundary=simulated"}
