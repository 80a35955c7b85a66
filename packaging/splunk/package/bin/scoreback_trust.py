"""Makes the add-on generator's libraries check splunkd's certificate, as Scoreback's calls do.

By themselves they check no certificate, and they have no setting for it. The build makes each of
their scripts import this file first. Python 3.9 and 3.13.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scoreback_splunkd import trusted
from solnlib import splunk_rest_client
from splunklib import binding


def checking(context: Mapping[str, Any]) -> Any:  # noqa: ANN401 - what splunklib calls a handler
    """Send requests to splunkd with the *context* that a caller of the libraries passes."""
    senders: dict[str, Any] = {}

    def send(url: str, message: Mapping[str, Any], **more: Any) -> Any:  # noqa: ANN401
        origin = "/".join(url.split("/", 3)[:3])
        if origin not in senders:
            senders[origin] = binding.handler(
                key_file=context.get("key_file"),
                cert_file=context.get("cert_file"),
                verify=True,
                context=trusted(origin),
            )
        return senders[origin](url, message, **more)

    return send


splunk_rest_client._request_handler = checking
