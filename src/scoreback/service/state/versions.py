"""Versions of a detector's model: registers, promotes and rolls them back, and logs all of it.

At most one version of a detector is the champion: its scores raise alerts. A few beside it are
shadows: they score the same events and raise nothing. Promotions form a stack: a promotion puts a
version on top, and a rollback takes the top away. So rollbacks lead back step by step through what
scored before, and can be undone by promoting again.
"""

import builtins
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from pydantic import JsonValue

from scoreback.errors import StateError
from scoreback.records import ModelVersion
from scoreback.service.state import tables
from scoreback.service.state import version_rows as rows
from scoreback.service.state.workspace_state import State

SERVICE = "scoreback"  # the actor of what no person did
MOST_SHADOWS = 2  # each adds to the cost of every run

Beside = Callable[[sa.Connection], None]  # what to do in the same transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Reign:
    """Since when the champion is champion."""

    version: str
    since: datetime
    first: bool  # it never scored before
    goes_on: bool  # because a rollback was undone


class Versions:
    """The versions in one state."""

    def __init__(self, state: State) -> None:
        """Work on *state*, which stays the caller's to close."""
        self._database = state.database

    def register(
        self,
        *,
        detector: str,
        artifact_hash: str,
        algorithm: str,
        trained_as_of: datetime,
        created_at: datetime,
        row_hash: str,
        metrics: Mapping[str, float],
        because: str = "",
    ) -> ModelVersion:
        """Add a candidate under the detector's next number; its parent is the current champion.

        If the artefact equals that of the newest version, this returns that and adds nothing.
        """
        with self._database.writes() as connection:
            newest = rows.newest(connection, detector)
            if newest is not None and newest.artifact_hash == artifact_hash:
                return rows.version_of(newest)
            number = newest.number + 1 if newest is not None else 1
            champion = rows.champion_row(connection, detector)
            made = ModelVersion(
                detector=detector,
                version=f"v{number}-{artifact_hash[:8]}",
                status="candidate",
                artifact_hash=artifact_hash,
                algorithm=algorithm,
                trained_as_of=trained_as_of,
                created_at=created_at,
                parent=champion.version if champion is not None else None,
                row_hash=row_hash,
                metrics=dict(metrics),
                trained_because=because,
            )
            connection.execute(
                sa.insert(tables.versions).values(**rows.row_of(made), number=number)
            )
            detail: dict[str, JsonValue] = {"parent": made.parent}
            if because:
                detail["because"] = because
            rows.log(connection, made, "register", SERVICE, created_at, detail)
            return made

    def list(self, detector: str) -> builtins.list[ModelVersion]:
        """All versions of *detector*, oldest first."""
        t = tables.versions
        query = sa.select(t).where(t.c.detector == detector).order_by(t.c.number)
        with self._database.reads() as connection:
            return [rows.version_of(row) for row in connection.execute(query)]

    def get(self, detector: str, version: str) -> ModelVersion:
        """One version.

        Raises:
            StateError: there is no such version.
        """
        with self._database.reads() as connection:
            return rows.stored(connection, detector, version)

    def named(self, detector: str, given: str) -> ModelVersion:
        """The version called *given*: its name, its number as in ``v2``, or its name's beginning.

        Raises:
            StateError: it names none, or more than one; says which there are.
        """
        found = self.list(detector)
        exact = [one for one in found if given in (one.version, one.version.partition("-")[0])]
        meant = exact or [one for one in found if given and one.version.startswith(given)]
        if len(meant) == 1:
            return meant[0]
        if not meant:
            return self.get(detector, given)
        raise StateError(
            f"detector {detector!r} has {len(meant)} versions whose name begins with {given!r}",
            hint=f"name one of: {', '.join(one.version for one in reversed(meant[-10:]))}",
        )

    def champion(self, detector: str) -> ModelVersion | None:
        """The version that scores; None if none was promoted yet."""
        with self._database.reads() as connection:
            row = rows.champion_row(connection, detector)
            return None if row is None else rows.version_of(row)

    def due(self, detector: str) -> builtins.list[ModelVersion]:
        """The versions that score: the champion, then its shadows by age; none without it."""
        t = tables.versions
        query = sa.select(t).where(t.c.detector == detector)
        with self._database.reads() as connection:
            scoring = query.where(t.c.status.in_(("champion", "shadow"))).order_by(t.c.number)
            found = [rows.version_of(row) for row in connection.execute(scoring)]
        first = [one for one in found if one.status == "champion"]
        return [*first, *(one for one in found if one.status == "shadow")] if first else []

    def shadows(self, detector: str) -> builtins.list[ModelVersion]:
        """The versions that score beside the champion and raise nothing, oldest first."""
        return [one for one in self.list(detector) if one.status == "shadow"]

    def detectors(self) -> builtins.list[str]:
        """Names of the detectors that have a version, sorted."""
        t = tables.versions
        query = sa.select(t.c.detector).distinct().order_by(t.c.detector)
        with self._database.reads() as connection:
            return [*connection.execute(query).scalars()]

    def earlier(self, detector: str) -> ModelVersion:
        """The version that a rollback leads to.

        Raises:
            StateError: none scored before the champion.
        """
        with self._database.reads() as connection:
            _, target = rows.earlier_steps(connection, detector)
            return rows.stored(connection, detector, target.version)

    def promote(
        self,
        detector: str,
        version: str,
        *,
        by: str,
        at: datetime,
        instead_of: ModelVersion | None = None,
        beside: Beside | None = None,
    ) -> ModelVersion:
        """Let *version* score; the previous champion retires. Promoting the champion is no error.

        Args:
            detector: the version's detector.
            version: the version's name.
            by: who promotes it, for the audit log.
            at: the time of the promotion.
            instead_of: the champion that the decision was based on; None: any.
            beside: called in the same transaction, unless *version* is the champion already.

        Raises:
            StateError: there is no such version, or the champion is no longer *instead_of*, as
                somebody else was quicker; nothing is changed.
        """
        with self._database.writes() as connection:
            found = rows.stored(connection, detector, version)
            if instead_of is not None:
                rows.refuse_if_later(connection, instead_of)
            if found.status == "champion":
                return found
            top = rows.top_step(connection, detector)
            rows.crown(connection, found)
            below = top.id if top is not None else None
            rows.add_step(connection, found, "promote", by, at, below)
            detail: dict[str, JsonValue] = {"before": top.version if top is not None else None}
            rows.log(connection, found, "promote", by, at, detail)
            if beside is not None:
                beside(connection)
            return rows.stored(connection, detector, version)

    def shadow(self, detector: str, version: str, *, by: str, at: datetime) -> ModelVersion:
        """Let *version* score beside the champion; a second call is no error.

        If there are more than `MOST_SHADOWS`, the oldest retires.

        Raises:
            StateError: there is no such version, it is the champion, or there is no champion that
                it could score beside; nothing is changed.
        """
        with self._database.writes() as connection:
            found = rows.stored(connection, detector, version)
            if found.status == "shadow":
                return found
            if found.status == "champion" or rows.champion_row(connection, detector) is None:
                is_it = found.status == "champion"
                raise StateError(
                    f"{version} of {detector!r} cannot be a shadow:"
                    f" {'it scores already' if is_it else 'no version scores'}",
                    hint="name another version" if is_it else "promote one",
                )
            t = tables.versions
            mine = (t.c.detector == detector, t.c.status == "shadow")
            beside = connection.execute(sa.select(t).where(*mine).order_by(t.c.number)).all()
            for row in beside[: len(beside) + 1 - MOST_SHADOWS]:
                reason = f"{version} takes its place: {MOST_SHADOWS} versions at most are shadows"
                rows.retire_logged(connection, rows.version_of(row), SERVICE, at, reason)
            rows.set_status(connection, found, "shadow")
            rows.log(connection, found, "shadow", by, at, {})
            return rows.stored(connection, detector, version)

    def retire(
        self,
        detector: str,
        version: str,
        *,
        by: str,
        at: datetime,
        reason: str,
        beside: Beside | None = None,
    ) -> ModelVersion:
        """Let *version*, which is not the champion, score no more; the *reason* is stored.

        *beside*, if given, is called in the same transaction.

        Raises:
            StateError: there is no such version, or it is the champion; nothing is changed.
        """
        with self._database.writes() as connection:
            found = rows.stored(connection, detector, version)
            if found.status == "champion":
                raise StateError(
                    f"{version} of {detector!r} scores: it is not retired before another does",
                    hint="promote another version, or roll back",
                )
            if found.status != "retired":
                rows.retire_logged(connection, found, by, at, reason)
            if beside is not None:
                beside(connection)
            return rows.stored(connection, detector, version)

    def rollback(
        self, detector: str, *, by: str, at: datetime, beside: Beside | None = None
    ) -> ModelVersion:
        """Let the version that scored before the champion score again.

        Args:
            detector: the detector's name.
            by: who rolls back, for the audit log.
            at: the time of the rollback.
            beside: called in the same transaction.

        Raises:
            StateError: no version scored before it; nothing is changed.
        """
        with self._database.writes() as connection:
            top, target = rows.earlier_steps(connection, detector)
            version = rows.stored(connection, detector, target.version)
            rows.crown(connection, version)
            rows.add_step(connection, version, "rollback", by, at, target.below)
            rows.log(connection, version, "rollback", by, at, {"before": top.version})
            if beside is not None:
                beside(connection)
            return rows.stored(connection, detector, version.version)

    def undo_rollback(
        self, detector: str, version: str, *, by: str, at: datetime, beside: Beside
    ) -> ModelVersion:
        """Let *version*, which was rolled back, score again; call *beside* in the same transaction.

        Raises:
            StateError: there is no such version; nothing is changed.
        """
        with self._database.writes() as connection:
            found, top = (
                rows.stored(connection, detector, version),
                rows.top_step(connection, detector),
            )
            rows.crown(connection, found)
            rows.add_step(connection, found, "undo", by, at, top.id if top is not None else None)
            before = top.version if top is not None else None
            rows.log(connection, found, "undo rollback", by, at, {"before": before})
            beside(connection)
            return rows.stored(connection, detector, version)

    def reign(self, detector: str) -> Reign | None:
        """Since when the champion scores, and whether for the first time; None without one."""
        p = tables.promotions
        with self._database.reads() as connection:
            top = rows.top_step(connection, detector)
            if top is None:
                return None
            mine = (p.c.detector == detector, p.c.version == top.version)
            count = connection.scalar(sa.select(sa.func.count()).where(*mine)) or 0
        return Reign(
            version=str(top.version), since=top.at, first=count == 1, goes_on=top.kind == "undo"
        )
