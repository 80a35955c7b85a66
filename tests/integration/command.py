"""The command line as a person calls it, within this process."""

import json
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from scoreback.service import cli


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever was printed
        """What it printed with ``--json``."""
        return json.loads(self.out)


Run = Callable[..., Ended]


def runner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls ``scoreback`` with the arguments that it is given."""

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["scoreback", *map(str, arguments)])
        code: Any = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        found = capsys.readouterr()
        return Ended(code, found.out, found.err)

    return run
