"""The command line. Each command imports what it needs when it runs: ``--help`` is quick."""

import os
import sys
from contextlib import suppress
from typing import Annotated

import typer

from scoreback import __version__
from scoreback.errors import NotThere, ScorebackError
from scoreback.service.cli import (
    backtesting,
    data,
    demo,
    deploying,
    detectors,
    health,
    keys,
    learning,
    promoting,
    quarantine,
    scoring,
    serving,
    settings,
    stored,
    streams,
    taking_back,
    testing,
)
from scoreback.service.cli.examples import example
from scoreback.service.cli.logs import tell_of_patience
from scoreback.service.cli.show import FAILED, WRONG_USAGE, fail
from scoreback.service.cli.usage import UsageError
from scoreback.service.cli.whole_help import WholeHelp
from scoreback.service.serving.allocators import keep_memory_flat

EXIT_CODES = (
    "0 done; 1 could not be done; 2 wrong usage;"
    " 3 done in part, or something is left to do (rejected rows, a finding that must be fixed, a"
    " plan)"
)

app = typer.Typer(
    cls=WholeHelp,
    help="Train detectors on your SIEM's own labels and write the scores back into it.",
    epilog=f"Exit codes: {EXIT_CODES}.\n\n{example('demo')}",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command(epilog=example("demo"))(demo.demo)
app.command(epilog=example("load"))(data.load)
app.command(epilog=example("streams"))(stored.streams)
app.command(epilog=example("unload"))(stored.unload)
app.command(epilog=example("check"))(data.check)
app.command(epilog=example("new"))(detectors.new)
app.command(epilog=example("import-sigma"))(detectors.import_sigma)
app.command(epilog=example("validate"))(detectors.validate)
app.command("test", epilog=example("test"))(testing.run)
app.command(epilog=example("backtest"))(backtesting.backtest)
app.command(epilog=example("train"))(learning.train)
app.command(epilog=example("score"))(scoring.score)
app.command(epilog=example("verdict"))(scoring.verdict)
app.command(epilog=example("versions"))(learning.versions)
app.command(epilog=example("report"))(learning.report)
app.command(epilog=example("export-model"))(learning.export_model)
app.command(epilog=example("promote"))(promoting.promote)
app.command(epilog=example("retire"))(promoting.retire)
app.command(epilog=example("rollback"))(taking_back.rollback)
app.command(epilog=example("pause"))(taking_back.pause)
app.command(epilog=example("resume"))(taking_back.resume)
app.command(epilog=example("plan"))(deploying.plan)
app.command(epilog=example("apply"))(deploying.apply)
app.command(epilog=example("remove"))(deploying.remove)
app.add_typer(quarantine.quarantine, name="quarantine")
app.add_typer(settings.settings, name="settings")
app.command(epilog=example("keys"))(keys.keys)
app.command(epilog=example("health"))(health.health)
app.command(epilog=example("serve"))(serving.serve)


def main() -> None:
    """Run the command line; a `ScorebackError` becomes two lines and exit code 1."""
    out = streams.open_streams()
    # Idle learning threads give up their core instead of spinning on it.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    keep_memory_flat()
    tell_of_patience()
    try:
        app()
    except ScorebackError as error:
        fail(error)
        wrong_usage = isinstance(error, UsageError | NotThere)
        raise SystemExit(WRONG_USAGE if wrong_usage else FAILED) from None
    except (OSError, SystemExit):  # the library that parses arguments hides the reason of both
        with suppress(OSError):
            sys.stdout.flush()
        if out is not None and out.failure is not None:
            fail(streams.lost(out.failure))
            raise SystemExit(FAILED) from None
        raise


def _version(wanted: bool) -> None:
    if wanted:
        streams.write(f"scoreback {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    del version
