"""The error that validators of a detector file raise: a wrong value and its remedy."""


class WrongValue(ValueError):
    """What is wrong with one value (``str()``), and what to write instead (``hint``)."""

    def __init__(self, message: str, *, hint: str) -> None:
        """Keep *message* and *hint*; pydantic passes both to the code that reports the error."""
        super().__init__(message)
        self.hint = hint
