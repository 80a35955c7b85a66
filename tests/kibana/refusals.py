"""What Kibana says when it refuses: its core in one shape, the detection engine in another."""

import json
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

JSON = "application/json; charset=utf-8"


class Refusal(Exception):
    """A request is answered with an error in the shape of Kibana's core."""

    def __init__(self, status: int, message: str | list[str], **more: object) -> None:
        self.status, self.message, self.more = status, message, more
        self.headers: dict[str, str] = {}
        super().__init__(f"{status} {message}")

    def body(self) -> dict[str, Any]:
        """What is sent."""
        return {
            "statusCode": self.status,
            "error": HTTPStatus(self.status).phrase,
            "message": self.message,
            **self.more,
        }

    def response(self) -> Response:
        """The answer."""
        return Response(json.dumps(self.body()), self.status, self.headers, JSON)


class DetectionRefusal(Refusal):
    """A request is answered with an error in the shape of the detection engine and the lists."""

    def body(self) -> dict[str, Any]:
        """What is sent."""
        return {"message": self.message, "status_code": self.status, **self.more}


def not_found() -> Refusal:
    """There is no such route."""
    return Refusal(404, "Not Found")
