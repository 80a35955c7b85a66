"""The command that runs detectors on their schedule."""

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from scoreback.service.cli import logs, options


def serve(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Detector files, or folders of them (else the folder detectors).",
            metavar="DETECTORS",
            show_default=False,
        ),
    ] = None,
    log_format: Annotated[
        logs.LogFormat, typer.Option(help="Format of the log: lines of text, or JSON.")
    ] = logs.LogFormat.TEXT,
    home: options.Home = None,
) -> None:
    """Score and train detectors on their schedule, until SIGTERM or Ctrl-C.

    It reads detector files again every half minute, so they may change, and folders may get new
    ones. Stopping it, even with SIGKILL, loses and repeats nothing.
    """
    from scoreback.service.stopping import signals

    with signals() as wait:  # before any library starts a thread
        from scoreback.service.serving.serve import serve as serve_detectors

        logs.start_logging(log_format)
        serve_detectors(
            options.settings(home),
            paths or [Path("detectors")],
            clock=options.now,
            wait=wait,
            abandon=_abandon,
        )


def _abandon() -> None:
    """Exit at once: what is unfinished can be computed again."""
    logging.shutdown()
    os._exit(0)
