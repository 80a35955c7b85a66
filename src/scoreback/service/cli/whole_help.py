"""The list of commands in ``--help``: each with its whole first sentence, wrapped to the screen."""

from typing import Any

from typer.core import TyperGroup


class WholeHelp(TyperGroup):
    """A group of commands whose summaries are not cut."""

    # The types of what comes are private to the library, and differ by its version.
    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """Write each command and its first sentence."""
        rows = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                rows.append((name, command.get_short_help_str(limit=_WHOLE)))
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


_WHOLE = 1_000  # characters: longer than any first sentence
