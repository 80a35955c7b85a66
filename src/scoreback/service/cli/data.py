"""Commands that load events and check that detectors can use them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scoreback.service.cli import options, show
from scoreback.service.cli.junit import Case, Junit, reported, write_junit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scoreback.connectors.doors import ExportsDoor, LoadReport
    from scoreback.models.labels.field_tally import LabelCount
    from scoreback.records import Finding


def load(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="CSV, TSV, JSON or Parquet; also as gz or zip.",
            metavar="FILES",
            show_default=False,
        ),
    ],
    stream: Annotated[
        str, typer.Option(help="Stream of the embedded SIEM to load into.", metavar="STREAM")
    ],
    time: Annotated[
        str, typer.Option(help="Column of the event time.", metavar="COLUMN")
    ] = "@timestamp",
    id_column: Annotated[
        str | None,
        typer.Option(
            "--id",
            help="Column of the event id (else the id is made from the row's content).",
            metavar="COLUMN",
        ),
    ] = None,
    arrival: Annotated[
        str | None,
        typer.Option(
            help="Column of the arrival time (else the event time, or just after what has been"
            " scored already).",
            metavar="COLUMN",
        ),
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(
            help="Field to keep, as NAME=COLUMN (else all columns). Can be repeated.",
            metavar="NAME=COLUMN",
        ),
    ] = None,
    strip: Annotated[
        str | None,
        typer.Option(
            help="Key that each event is wrapped in, such as _source or result.", metavar="NAME"
        ),
    ] = None,
    time_format: Annotated[
        str | None,
        typer.Option(
            help="Format of the times, as for strptime: '%d.%m.%Y %H:%M'.", metavar="FORMAT"
        ),
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option(
            help="Time zone of times without an offset, such as Europe/Berlin (else UTC).",
            metavar="ZONE",
        ),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            help="Field that holds labels (else changed fields that look like labels). Can be"
            " repeated.",
            metavar="FIELD",
        ),
    ] = None,
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Load an export into the embedded SIEM, to try a detector on it.

    Loading a file again changes nothing, except that labels filled in since then are updated. Rows
    that cannot be used are kept in a file of rejected rows, with the reasons.
    """
    from dataclasses import asdict

    from scoreback.connectors.doors import LoadMapping
    from scoreback.errors import ConfigError
    from scoreback.service.app import opened
    from scoreback.service.detectors.behind import scored_so_far

    options.files_there(files)
    fields = options.pairs(field, "--field", "--field source.ip=src_ip") if field else None
    mapping = LoadMapping(
        time=time, id=id_column, arrival=arrival, fields=fields, strip=strip,
        time_format=time_format, timezone=timezone, labels=tuple(label or ()),
    )  # fmt: skip
    reports = []
    with opened(options.settings(home)) as app:
        exports = app.connector.exports
        if exports is None:
            raise ConfigError(
                "only the embedded SIEM can load exports; your SIEM ingests its events itself",
                hint="unset SCOREBACK_CONNECTOR, or choose another --home",
            )
        for file in files:
            with show.stages("loading", in_bytes=True) as stage:
                report = exports.load(
                    file, stream, mapping,
                    lambda done, size, name=file.name: stage(done, size, name),  # type: ignore[misc]
                    lambda: scored_so_far(app.state), options.now(),
                )  # fmt: skip
            reports.append((file, report))
        alike = any(report.alike is not None for _, report in reports)
        there = _exports_of(exports, stream) if alike else []
    if json:
        show.as_json([{"file": str(file)} | asdict(report) for file, report in reports])
    else:
        for file, report in reports:
            _show(file, stream, report, timezone or "UTC", there)
    if any(report.rejected for _, report in reports):
        raise typer.Exit(show.PARTLY)


def _exports_of(exports: "ExportsDoor", stream: str) -> list[str]:
    """The names of the files that were loaded into *stream*, each once."""
    found = [each.exports for each in exports.streams() if each.name == stream]
    return list(dict.fromkeys(one.name for some in found for one in some))


def _show(
    file: Path, stream: str, report: "LoadReport", zone: str, before: "Sequence[str]"
) -> None:
    show.say(
        f"{file.name}: {report.loaded:,} of {report.rows:,} rows loaded into {stream};"
        f" {report.already_there:,} were there already, {report.repeated:,} repeated an id,"
        f" {report.rejected:,} were rejected"
    )
    for name, update in report.labels.items():
        show.beneath(
            f"{name}: {report.already_there:,} known, {update.new:,} labels new,"
            f" {update.changed:,} changed; the next training learns from them"
        )
    for name, count in report.other_values.items():
        show.beneath(
            f"{count:,} events loaded before have another {name} in this file; events never"
            f" change, so the old value stays (if {name} is a label, load again with --label"
            f" {name})"
        )
    if report.alike is not None:
        _show_alike(stream, report.alike, before)
    if report.without_offset:
        show.beneath(f"{report.without_offset:,} times had no offset and were taken as {zone}")
    for column, order in report.orders.items():
        show.beneath(
            f"dates in {column} were read with the {order}; if that is wrong, load the file into"
            " another stream with --time-format"
        )
    for column, field in report.renamed.items():
        show.beneath(
            f"column {column!r} became field {field!r}, as another column differs from it only"
            " in case"
        )
    if report.clamped:
        show.beneath(
            f"{report.clamped:,} events have a time after their arrival; their arrival time is"
            " used instead"
        )
    if report.behind and report.never_scored:
        show.beneath(
            f"{report.behind:,} events arrived, according to the export, before events that are"
            " already scored: training learns from them, but they are never scored"
        )
    elif report.behind:
        show.beneath(
            f"{report.behind:,} events are older than those already scored; they are treated as"
            " arriving after them, and the next run scores them"
        )
    if report.rejected:
        _show_rejected(report, file)


def _show_alike(stream: str, alike: tuple[str, int], files: "Sequence[str]") -> None:
    """Say that events were loaded twice, and how to merge them."""
    column, count = alike
    show.beneath(
        f"{count:,} of them have the {column} and time of an event loaded before, but other"
        " content, so each is now there twice. To have each event once, with its labels updated,"
        f" unload the files and load them again, in this order, with --id {column}:"
    )
    show.say(f"    scoreback unload {' '.join(files)} --stream {stream}")


def _show_rejected(report: "LoadReport", file: Path) -> None:
    """Print the reasons, where the rows are kept and, if most were rejected, what to do."""
    most = report.rejected * 2 > report.rows
    for reason, rejected in report.reasons.items():
        show.beneath(f"rejected, {rejected.count:,} rows: {reason}")
        for line, row in rejected.examples[:1] if most else rejected.examples:
            show.say(f"    line {line:,}: {row[:_ROW_SHOWN]}")
    if report.rejects:
        show.say(f"  the rejected rows are kept in {report.rejects}")
    if most:
        show.say()
        show.say(f"Most rows were rejected. {_remedy(report, file)}")


_ROW_SHOWN = 60  # characters of a rejected row


def _remedy(report: "LoadReport", file: Path) -> str:
    """What to do with *file* if most of its rows were rejected."""
    from shlex import quote

    from scoreback.connectors.doors.intake import Fault
    from scoreback.timestamps import FORMATS

    match max(report.reasons.values(), key=lambda rejected: rejected.count).fault:
        case Fault.TIME if report.time_form:
            return f"The times seem to have another format: add --time-format '{report.time_form}'"
        case Fault.TIME:
            return (
                f"Times can be {FORMATS}. Name another column with --time, or give the format of"
                " the times, for example --time-format '%Y%m%d%H%M'"
            )
        case Fault.ID:
            return "Name another column with --id, or omit --id"
        case Fault.TABLE:
            return "Export the table again as CSV with quoted texts, or as JSON"
        case Fault.ENCODING:
            new = quote(f"utf8-{file.name}")
            return (
                "Export the file again in UTF-8 (Excel calls it 'CSV UTF-8'), or convert it:"
                f" `iconv -f WINDOWS-1252 -t UTF-8 {quote(str(file))} > {new}`"
            )
        case Fault.WRAPPER:
            return "Name the key that each event is wrapped in with --strip, or omit --strip"
        case Fault.OTHER:
            return "Look at the first reason above, and export the file again"


def check(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Detector files, or folders of them.", metavar="DETECTORS", show_default=False
        ),
    ],
    junit: Junit = None,
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """List what these detectors lack in the SIEM, with fixes, and count their labels.

    Exits with 3 if a finding must be fixed; findings that only need a look leave it at 0.
    """
    from dataclasses import asdict

    from scoreback.records import Finding
    from scoreback.service.cli import labels_view
    from scoreback.service.cli.looking import looked_at
    from scoreback.service.detectors.check_job import examine
    from scoreback.service.detectors.detector_files import sound_detectors

    found: list[tuple[str, Finding]] = []
    labels: dict[str, LabelCount] = {}
    with reported(junit, "check", files):
        detectors, wrong = sound_detectors(files)
        if len(wrong) == 1 and not detectors:
            raise next(iter(wrong.values()))
        for file, error in wrong.items():
            found.append((str(file), Finding(what=error.message, fix=error.hint)))
        with looked_at(home) as app:
            for detector in detectors.values():
                checked = examine(app, detector, options.now())
                found.extend((detector.name, finding) for finding in checked.findings)
                if checked.labels is not None:
                    labels[detector.name] = checked.labels
    write_junit(junit, "check", _cases([d.name for d in detectors.values()], found))
    if json:
        findings = [{"detector": name} | asdict(finding) for name, finding in found]
        counts = [labels_view.as_entry(name, counted) for name, counted in labels.items()]
        show.as_json([*findings, *counts])
    else:
        _show_findings(found)
        for name, counted in labels.items():
            first, *others = labels_view.in_lines(name, counted)
            show.say(first)
            for line in others:
                show.beneath(line)
    if any(finding.fatal for _, finding in found):
        raise typer.Exit(show.PARTLY)


def _cases(detectors: "Sequence[str]", found: "Sequence[tuple[str, Finding]]") -> list[Case]:
    """One case per detector, or per file without a valid one; only fatal findings fail it."""
    fatal: dict[str, list[Finding]] = {name: [] for name in detectors}
    for name, finding in found:
        if finding.fatal:
            fatal.setdefault(name, []).append(finding)
    return [
        Case(
            group=name,
            name="can be used in the SIEM",
            failure="\n".join(one.what for one in findings),
            hint="\n".join(one.fix for one in findings if one.fix),
        )
        for name, findings in fatal.items()
    ]


def _show_findings(found: "Sequence[tuple[str, Finding]]") -> None:
    if found:
        rows = [
            (name, "must be fixed" if f.fatal else "to look at", f.what, f.fix) for name, f in found
        ]
        show.table(
            "Findings",
            ("detector", "weight", "what", "fix"),
            rows,
            prose=("what", "fix"),
            blocks=True,
        )
    else:
        show.say("Nothing is missing.")
