"""Commands that list what is stored in the embedded SIEM, and that unload exports."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from scoreback.service.cli import options, show

if TYPE_CHECKING:
    from scoreback.connectors.doors.stored import StoredExport, StoredStream

_LONGEST = 60  # characters of an example in a table


def streams(
    only: Annotated[
        list[str] | None,
        typer.Argument(help="Streams (else all).", metavar="STREAM", show_default=False),
    ] = None,
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """List loaded streams: their rows, times and files, and their fields with examples."""
    from scoreback.errors import ConfigError
    from scoreback.service.cli.looking import looked_at
    from scoreback.service.detectors.unload_job import exports_door

    with looked_at(home) as app:
        found = list(exports_door(app).streams())
    names = [stream.name for stream in found]
    for name in only or ():
        if name not in names:
            raise ConfigError(
                f"no stream is called {name!r}",
                hint=f"streams that exist: {', '.join(names) or 'none; load an export first'}",
            )
    wanted = [stream for stream in found if not only or stream.name in only]
    if json:
        show.as_json([_as_json(stream) for stream in wanted])
        return
    if not wanted:
        show.say("No streams yet: nothing has been loaded. See: scoreback load --help")
    for stream in wanted:
        _show(stream)


def unload(
    exports: Annotated[
        list[str],
        typer.Argument(
            help="Loaded files: their paths, their names, or beginnings of their checksums.",
            metavar="EXPORTS",
            show_default=False,
        ),
    ],
    stream: Annotated[
        str, typer.Option(help="Stream that they were loaded into.", metavar="STREAM")
    ],
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Remove loaded exports again, as long as none of their events was scored."""
    from dataclasses import asdict

    from scoreback.service.cli.looking import existing
    from scoreback.service.detectors import unload_job

    with existing(home) as app:
        gone = unload_job.unload(app, stream, exports)
        trained = unload_job.trained(app)
    if json:
        show.as_json(asdict(gone))
        return
    names = ", ".join(export.name for export in gone.exports)
    show.say(f"{names}: {gone.rows:,} events removed from {stream}; {gone.left:,} stay.")
    if gone.left:
        show.say("  Events that other exports also had are gone too: load those exports again.")
    if trained:
        show.say(
            f" Versions of {', '.join(trained)} may have learnt from these events; they do not"
            " change."
        )


def _show(stream: "StoredStream") -> None:
    first, last = (f"{time:%Y-%m-%d %H:%M:%S}" for time in stream.event_times)
    came, ended = (f"{time:%Y-%m-%d %H:%M:%S}" for time in stream.arrival_times)
    show.say(f"{stream.name}: {stream.rows:,} events, from {first} to {last} UTC")
    if stream.arrival_times != stream.event_times:
        show.say(f"  arrived from {came} to {ended} UTC")
    files = ", ".join(map(_file, stream.exports)) or "none: a program added the events"
    show.say(f"  files: {files}")
    rows = [(field.name, f"{field.filled:,}", _shortened(field.example)) for field in stream.fields]
    show.table("", ("field", "events", "for example"), rows, numbers=" r ")


def _file(export: "StoredExport") -> str:
    return f"{export.name} ({export.sha256[:12]})"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def _as_json(stream: "StoredStream") -> dict[str, object]:
    from dataclasses import asdict

    times = {"event_times": stream.event_times, "arrival_times": stream.arrival_times}
    spans = {
        name: {"first": _iso(first), "last": _iso(last)} for name, (first, last) in times.items()
    }
    return asdict(stream) | spans


def _iso(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
