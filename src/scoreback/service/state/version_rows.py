"""Rows of versions within one transaction: reads them, changes their status, and logs it."""

import json
import math
from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from pydantic import JsonValue, TypeAdapter

from scoreback.errors import StateError
from scoreback.records import ModelVersion, VersionStatus
from scoreback.service.state import tables
from scoreback.service.state.audit import AuditEntry, record

_METRICS: TypeAdapter[dict[str, float | None]] = TypeAdapter(dict[str, float | None])


def row_of(version: ModelVersion) -> dict[str, object]:
    """*version* as a row of the table, without its number."""
    # JSON has no NaN: a figure that does not exist is stored as null.
    metrics = {name: v if math.isfinite(v) else None for name, v in version.metrics.items()}
    return {
        "detector": version.detector,
        "version": version.version,
        "status": version.status,
        "artifact_hash": version.artifact_hash,
        "algorithm": version.algorithm,
        "trained_as_of": version.trained_as_of,
        "created_at": version.created_at,
        "parent": version.parent,
        "row_hash": version.row_hash,
        "metrics": json.dumps(metrics, sort_keys=True),
        "trained_because": version.trained_because or None,
    }


def version_of(row: sa.Row[tuple[object, ...]]) -> ModelVersion:
    """The version that a *row* holds."""
    values = dict(row._mapping)
    del values["number"]
    what = f"version {values['version']} of {values['detector']!r}"
    metrics = tables.from_json(_METRICS, values.pop("metrics"), what)
    values["trained_because"] = values["trained_because"] or ""
    return ModelVersion(
        **values, metrics={name: math.nan if v is None else v for name, v in metrics.items()}
    )


def newest(connection: sa.Connection, detector: str) -> sa.Row[tuple[object, ...]] | None:
    """The version of *detector* with the highest number."""
    t = tables.versions
    query = sa.select(t).where(t.c.detector == detector).order_by(t.c.number.desc()).limit(1)
    return connection.execute(query).one_or_none()


def champion_row(connection: sa.Connection, detector: str) -> sa.Row[tuple[object, ...]] | None:
    """The version of *detector* that scores."""
    t = tables.versions
    query = sa.select(t).where(t.c.detector == detector, t.c.status == "champion")
    return connection.execute(query).one_or_none()


def stored(connection: sa.Connection, detector: str, version: str) -> ModelVersion:
    """The stored version, or `StateError` with the versions that exist."""
    t = tables.versions
    query = sa.select(t).where(t.c.detector == detector, t.c.version == version)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise StateError(
            f"detector {detector!r} has no version {version!r}",
            hint=f"its versions: {_listed(connection, detector)}",
        )
    return version_of(row)


def _listed(connection: sa.Connection, detector: str) -> str:
    t = tables.versions
    query = sa.select(t.c.version).where(t.c.detector == detector).order_by(t.c.number.desc())
    return ", ".join(connection.execute(query.limit(10)).scalars()) or "none; train one first"


def _instead(connection: sa.Connection, detector: str, *, but: str) -> str:
    """What to do if no rollback is possible: name a version to promote that is not *but*."""
    t = tables.versions
    query = sa.select(t.c.version).where(t.c.detector == detector, t.c.version != but)
    found = connection.execute(query.order_by(t.c.number.desc()).limit(10)).scalars()
    if names := ", ".join(found):
        return f"promote one of its versions: {names}"
    return "train another version, or stop its alerts meanwhile with `scoreback pause`"


def top_step(connection: sa.Connection, detector: str) -> sa.Row[tuple[object, ...]] | None:
    """The step that made the current champion; its ``below`` is where a rollback leads."""
    p = tables.promotions
    query = sa.select(p).where(p.c.detector == detector).order_by(p.c.id.desc()).limit(1)
    return connection.execute(query).one_or_none()


def refuse_if_later(connection: sa.Connection, seen: ModelVersion) -> None:
    """Raise `StateError` if another version than *seen* is champion by now."""
    top = top_step(connection, seen.detector)
    if top is None or top.version == seen.version:
        return
    raise StateError(
        f"{top.actor} was quicker: {top.version} of {seen.detector!r} scores since"
        f" {top.at:%Y-%m-%d %H:%M:%S} UTC, in place of {seen.version}",
        hint="nothing was changed; look at `scoreback versions`, and promote again if you still"
        " want another",
    )


def earlier_steps(
    connection: sa.Connection, detector: str
) -> tuple[sa.Row[tuple[object, ...]], sa.Row[tuple[object, ...]]]:
    """The step that made the current champion, and the one that a rollback leads to."""
    top = top_step(connection, detector)
    if top is None or top.below is None:
        found = f"{top.version} is the first" if top is not None else "none was promoted"
        raise StateError(
            f"detector {detector!r} has no earlier champion to go back to: {found}",
            hint=_instead(connection, detector, but="" if top is None else top.version),
        )
    p = tables.promotions
    return top, connection.execute(sa.select(p).where(p.c.id == top.below)).one()


def crown(connection: sa.Connection, version: ModelVersion) -> None:
    """Make *version* the champion, and retire the one before it."""
    t = tables.versions
    mine = t.c.detector == version.detector
    retire = sa.update(t).where(mine, t.c.status == "champion").values(status="retired")
    connection.execute(retire)
    crown = sa.update(t).where(mine, t.c.version == version.version).values(status="champion")
    connection.execute(crown)


def retire_logged(
    connection: sa.Connection, version: ModelVersion, by: str, at: datetime, reason: str
) -> None:
    """Retire *version*, with the *reason* in the audit log."""
    set_status(connection, version, "retired")
    log(connection, version, "retire", by, at, {"reason": reason})


def set_status(connection: sa.Connection, version: ModelVersion, status: VersionStatus) -> None:
    """Give *version* that *status*, whatever it had before."""
    t = tables.versions
    mine = (t.c.detector == version.detector, t.c.version == version.version)
    connection.execute(sa.update(t).where(*mine).values(status=status))


def add_step(
    connection: sa.Connection,
    version: ModelVersion,
    kind: str,
    by: str,
    at: datetime,
    below: int | None,
) -> None:
    """Put a step on the stack of promotions; *below* is where rolling it back leads."""
    adding = sa.insert(tables.promotions).values(
        detector=version.detector, version=version.version, kind=kind, actor=by, at=at, below=below
    )
    connection.execute(adding)


def log(
    connection: sa.Connection,
    version: ModelVersion,
    action: str,
    by: str,
    at: datetime,
    detail: Mapping[str, JsonValue],
) -> None:
    """Write into the audit log what *by* did with *version*."""
    record(
        connection,
        AuditEntry(
            at=at,
            actor=by,
            action=action,
            detector=version.detector,
            detail={"version": version.version, **detail},
        ),
    )
