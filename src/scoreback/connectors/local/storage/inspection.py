"""Checks what the embedded SIEM has on disk: files that are damaged, missing or not listed."""

from collections.abc import Iterable, Iterator, Sequence

import sqlalchemy as sa

from scoreback.connectors.local.storage import ledger
from scoreback.connectors.local.storage.segments import Segment, listed
from scoreback.connectors.local.storage.store import Store
from scoreback.disk.files import open_to_others
from scoreback.errors import SiemRefused
from scoreback.records import Finding

SHOWN = 3  # how many damaged segments of one kind are named; the others are counted


def inspect(store: Store, selected: Sequence[Segment]) -> list[Finding]:
    """Findings about the ledger, the *selected* event segments and all score segments.

    Each of these files is read from start to end. Damage to files that a detector reads is fatal
    for the detector.
    """
    found: list[Finding] = []
    wrong = store.ledger.check()
    if wrong is not None:
        found.append(Finding(what=wrong, fix="restore siem.sqlite and siem.sqlite-wal from the same"
                             " backup"))  # fmt: skip
        return found
    with store.ledger.reading() as connection:
        scores = listed(connection, "scores")
    found += _damaged(store, selected, fatal=True)
    found += _damaged(store, scores, fatal=False)
    found += _unlisted(store)
    if open_to_others(store.folder):
        found.append(
            Finding(
                what=f"{store.folder} can be read or changed by other users of this machine",
                fix=f"chmod -R go-rwx {store.folder}",
                fatal=False,
            )
        )
    return found


def _damaged(store: Store, segments: Iterable[Segment], *, fatal: bool) -> Iterator[Finding]:
    errors: list[SiemRefused] = []
    for segment in segments:
        try:
            store.segments.intact(segment)
        except SiemRefused as error:
            errors.append(error)
    for shown in errors[:SHOWN]:
        yield Finding(what=shown.message, fix=shown.hint, fatal=fatal)
    if len(errors) > SHOWN:
        yield Finding(
            what=f"{len(errors) - SHOWN:,} more segments are damaged or missing",
            fix="repair the segments named first, then check again",
            fatal=fatal,
        )


def _unlisted(store: Store) -> list[Finding]:
    """Segments on disk that the ledger does not list."""
    there = {
        path for kind in ("events", "scores") for path in store.folder.glob(f"{kind}/**/*.parquet")
    }
    with store.ledger.reading() as connection:
        known = {
            store.folder / path
            for table in (ledger.segments, ledger.retired)
            for path in connection.scalars(sa.select(table.c.path))
        }
    count = len(there - known)
    if not count:
        return []
    return [
        Finding(
            what=f"{count:,} segments in {store.folder} are not listed in siem.sqlite: a load is"
            " running, a load was killed, or siem.sqlite was restored without siem.sqlite-wal",
            fix="if you restored a backup, restore both files from it; otherwise leave the"
            " segments as they are",
            fatal=False,
        )
    ]
