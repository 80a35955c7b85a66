"""A wrong value, with its remedy: what the validators of a detector file raise."""


class WrongValue(ValueError):
    """What is wrong with one value (``str()``), and what to write instead (``hint``)."""

    def __init__(self, message: str, *, hint: str) -> None:
        """Keep *message* and *hint*; pydantic carries both to whoever reports the error."""
        super().__init__(message)
        self.hint = hint
