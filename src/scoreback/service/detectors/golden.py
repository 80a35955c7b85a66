"""Golden attacks: events that every version of a detector must alert on, listed in a CSV file.

The file has a header: ``event_id``, ``time`` (of the event, so that it is found without reading
everything) and optionally ``name``. Other columns are ignored.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.errors import ConfigError, DataError
from scoreback.models.detector.spec import Detector
from scoreback.records import TimeWindow
from scoreback.regular_file import read_regular
from scoreback.service.app import App
from scoreback.service.detectors.incidents import read_times
from scoreback.service.scoring.rows_again import events_again, soon_after
from scoreback.timestamps import FORMATS

COLUMNS = ("event_id", "time")
LARGEST_FILE = 1_000_000  # bytes; some thousand attacks have a tenth of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """One attack."""

    event_id: str
    time: datetime
    name: str  # its event's id where the file gives no name


def golden_attacks(path: Path) -> Sequence[Golden]:
    """The attacks in the file *path*, in its order.

    Raises:
        ConfigError: the file cannot be read.
        DataError: a line of it is wrong; the message names it.
    """
    try:
        data = read_regular(path, LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigError(
            f"cannot read the file of golden attacks {path}: {error.strerror or error}",
            hint="labels.golden names a file beside the detector file",
        ) from error
    if len(data) > LARGEST_FILE:
        raise ConfigError(
            f"the file of golden attacks {path} is larger than {LARGEST_FILE:,} bytes",
            hint="is this the right file?",
        )
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        rows = [(reader.line_num, row) for row in reader]
        header = reader.fieldnames or ()
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"the file of golden attacks {path} is not CSV text: {error}",
            hint="save it as CSV in UTF-8",
        ) from error
    for name in COLUMNS:
        if name not in header:
            raise DataError(
                f"the file of golden attacks {path} has no column {name!r}",
                hint="its first line names the columns: event_id,time,name",
            )
    times = read_times(row["time"] or "" for _, row in rows)
    found = []
    for line, row in rows:
        event, time = (row["event_id"] or "").strip(), times.get(row["time"] or "")
        if not event or time is None:
            wrong = "it names no event" if not event else f"{row['time']!r} is not a valid time"
            raise DataError(
                f"{path}:{line}: {wrong}", hint=f"correct that line; times can be: {FORMATS}"
            )
        name = (row.get("name") or "").strip() or event
        found.append(Golden(event_id=event, time=time, name=name))
    return found


def missing_attacks(app: App, detector: Detector) -> Sequence[Golden]:
    """Golden attacks of *detector* whose events the SIEM does not have in the detector's selection.

    Raises:
        ConfigError: the file cannot be read.
        DataError: a line of it is wrong.
        SiemUnavailable: the SIEM did not answer.
    """
    if detector.labels.golden is None:
        return ()
    return [
        one
        for one in golden_attacks(Path(detector.labels.golden))
        if not _is_there(app, detector, one)
    ]


def _is_there(app: App, detector: Detector, one: Golden) -> bool:
    window = TimeWindow(since=one.time, until=soon_after(detector, one.time))
    name = pa.scalar(one.event_id)
    return any(
        pc.any(pc.equal(batch.batch.column("event_id"), name)).as_py()
        for batch in events_again(app, detector, window)
    )
