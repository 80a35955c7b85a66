"""The command that checks detector files."""

from pathlib import Path
from typing import Annotated

import typer

from scoreback.service.cli import options, show


def validate(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Detector files.", show_default=False)
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print every key with its value or default.")
    ] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema for editors, and stop.")
    ] = False,
    crontab: Annotated[
        bool, typer.Option("--crontab", help="Print the schedule as crontab lines.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Check detector files; errors name file, line, key and remedy."""
    from scoreback.errors import ConfigError
    from scoreback.models import detector_file

    if schema:
        show.as_json(detector_file.json_schema())
        return
    if not files:
        raise ConfigError("no detector file is named", hint="scoreback validate FILE...")
    wrong: list[ConfigError] = []
    results = []
    for file in files:
        try:
            detector = options.detector(file)
        except ConfigError as error:
            wrong.append(error)
            results.append({"file": str(file), "ok": False, "error": error.message})
            continue
        rows = detector_file.explain(detector)
        results.append({"file": str(file), "ok": True, "keys": {r[0]: r[1] for r in rows}})
        if json:
            continue
        show.say(f"{file}: {detector.name} is valid")
        if explain:
            marked = [(key, value, "default" if default else "") for key, value, default in rows]
            show.table(detector.name, ("key", "value", ""), marked)
        if crontab:
            show.say(f"{detector.schedule.score} scoreback score {file}")
            show.say(f"{detector.schedule.train} scoreback train {file}")
    if json:
        show.as_json(results)
    for problem in wrong:
        show.fail(problem)
    if wrong:
        raise typer.Exit(1)
