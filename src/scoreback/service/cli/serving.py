"""The command that runs detectors by itself."""

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
        logs.LogFormat, typer.Option(help="Log lines for people (text) or for machines (json).")
    ] = logs.LogFormat.TEXT,
    home: options.Home = None,
) -> None:
    """Score and train detectors on their schedule, until SIGTERM or Ctrl-C.

    Files may change meanwhile, and new ones may come into a folder: they are read again every half
    minute. Ending, also by a kill, loses and repeats nothing.
    """
    from scoreback.service.stopping import signals

    with signals() as wait:  # first of all, so that no thread of a library misses it
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
    """End at once: what is still computing can be computed again."""
    logging.shutdown()
    os._exit(0)
