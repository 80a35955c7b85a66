"""What the command line prints is what it was given."""

import pytest

from scoreback.service.cli import show


def test_a_table_prints_lists_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    show.table("Keys", ("key", "value"), [("unit.group", "[host.name, rule.id]")])
    assert "[host.name, rule.id]" in capsys.readouterr().out
