"""The list of commands in ``--help``, each with its complete first sentence."""

from typing import Any

from typer.core import TyperGroup


class WholeHelp(TyperGroup):
    """A group of commands that does not truncate their summaries."""

    # The types of the arguments are private to the library, and differ between its versions.
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
