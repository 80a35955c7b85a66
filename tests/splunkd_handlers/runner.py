"""Runs one handler for one request, in a process that is told of both on standard input.

For whatever Python an app's handlers are to run on: 3.9 and later, standard library only.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

STAND_INS = Path(__file__).parent / "stand_ins"


def main() -> None:
    """Answer what is asked on standard input with the last line of standard output."""
    told = json.load(sys.stdin)
    sys.path[:0] = [told["bin"], str(STAND_INS)]
    handler, request = told["handler"], told["request"]
    answer = _persistent if handler["kind"] == "persistent" else _admin
    print(json.dumps(answer(handler, request, told["bin"])))  # noqa: T201


def _persistent(handler: dict[str, str], request: dict[str, Any], _folder: str) -> Any:  # noqa: ANN401
    module = importlib.import_module(handler["module"])
    made = getattr(module, handler["class"])("", "")
    return made.handle(json.dumps(request))


def _admin(handler: dict[str, str], request: dict[str, Any], folder: str) -> Any:  # noqa: ANN401
    admin = importlib.import_module("splunk.admin")
    admin.asked.update(request)
    script = str(Path(folder) / handler["script"])
    spec = importlib.util.spec_from_file_location("__main__", script)
    assert spec
    assert spec.loader
    sys.modules["__main__"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return admin.answered


if __name__ == "__main__":
    main()
