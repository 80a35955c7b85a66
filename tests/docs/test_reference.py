"""What the reference says of exit codes, settings and reducers is what there is."""

import re
import shlex
from datetime import timedelta
from typing import Any

import pytest
import typer
from pydantic import TypeAdapter

from scoreback.models.detector.units import REDUCERS
from scoreback.service.cli import EXIT_CODES, app
from scoreback.service.settings import Settings
from tests.docs.pages import PAGES, blocks, rows


def test_the_table_of_exit_codes_is_that_of_the_command_line() -> None:
    said = dict(part.split(" ", 1) for part in EXIT_CODES.split("; "))
    written = {row[0]: row[1] for row in rows("docs/commands.md", "exit code")}
    assert set(written) == set(said)
    for code, meaning in written.items():
        assert meaning.startswith(said[code].split(" (")[0])


def test_every_reducer_is_explained() -> None:
    named = [name.strip(" `") for row in rows("docs/detector-file.md", "reducer")
             for name in row[0].split(",")]  # fmt: skip
    assert sorted(named) == sorted(REDUCERS)


def test_a_duration_is_set_as_its_description_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "such as 2m" in str(Settings.model_fields["settle"].description)
    monkeypatch.setenv("SCOREBACK_SETTLE", "2m")
    assert Settings().settle == timedelta(minutes=2)


def test_defaults_of_settings_can_be_set_as_they_are_written() -> None:
    for field in Settings.model_fields.values():
        if field.default is not None:
            assert field.annotation is not None
            written = TypeAdapter(field.annotation).validate_python(str(field.default))
            assert written == field.default


@pytest.mark.parametrize("page", PAGES)
def test_every_shown_command_has_the_options_that_are_shown(page: str) -> None:
    for block in blocks(page):
        shown = block.text.replace("\\\n", " ")
        for line in re.findall(r"^ *(?:\$ )?scoreback (.+)$", shown, re.MULTILINE):
            words = shlex.split(re.sub(r"\| .*|<.*>|\|$", "", line), comments=True)
            command = typer.main.get_command(app)
            while words and words[0] in getattr(command, "commands", {}):
                command = getattr(command, "commands")[words.pop(0)]  # noqa: B009 - it has no type
            assert not hasattr(command, "commands") or words == ["--help"], f"{page}: {line}"
            known = {name for option in command.params for name in _names(option)}
            given = {word.partition("=")[0] for word in words if word.startswith("-")}
            assert given <= known | {"--help", "-h"}, f"{page}: {line}"


def _names(option: Any) -> list[str]:  # noqa: ANN401 - it has no public type
    return [*option.opts, *option.secondary_opts]
