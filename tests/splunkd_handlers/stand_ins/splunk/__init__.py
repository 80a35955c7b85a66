"""A stand-in for the part of Splunk's own Python that the app's handlers import."""


class RESTException(Exception):
    """What a handler raises to answer with a status of its own."""

    def __init__(self, statusCode: int, msg: str = "") -> None:  # noqa: N803 - Splunk's names
        super().__init__(msg)
        self.statusCode = statusCode
        self.msg = msg
