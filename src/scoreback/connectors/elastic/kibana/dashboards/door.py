"""Data views and dashboards as resources: planned, applied, and checked for edits."""

from collections.abc import Sequence

from scoreback.connectors.elastic.kibana.client import Kibana
from scoreback.connectors.elastic.kibana.dashboards.api import dashboard_body
from scoreback.connectors.elastic.kibana.dashboards.data import data_views, in_space
from scoreback.connectors.elastic.kibana.dashboards.definition import Dashboard, dashboards
from scoreback.connectors.elastic.kibana.dashboards.marks import Mark, Marks
from scoreback.connectors.elastic.kibana.dashboards.parts import changed
from scoreback.connectors.elastic.kibana.dashboards.saved_objects import (
    dashboard_object,
    data_view_attributes,
)
from scoreback.connectors.elastic.kibana.dashboards.ways import (
    ApiDashboards,
    DataViews,
    SavedDashboards,
    There,
    Way,
)
from scoreback.connectors.elastic.wire.client import Client
from scoreback.deployment import DetectorNeeds, Found, Resource, Standing
from scoreback.errors import SiemRefused, SiemUnavailable

DATA_VIEW, DASHBOARD = "data_view", "dashboard"
KINDS = frozenset({DATA_VIEW, DASHBOARD})


class Dashboards:
    """The data views and dashboards of one space, for all its detectors."""

    def __init__(self, kibana: Kibana, client: Client, index: str) -> None:
        """Write them through *kibana*; *index* of the cluster records what was written."""
        self._kibana = kibana
        self._marks = Marks(client, index)

    def require_place(self) -> None:
        """Check that the space exists.

        Raises:
            SiemRefused: it does not exist.
        """
        self._kibana.require_space()

    def wanted(self) -> Sequence[Resource]:
        """Data views, then the dashboards that read them.

        Raises:
            SiemUnavailable, SiemRefused: Kibana's version is unknown.
        """
        space = self._kibana.space
        views = [
            Resource(kind=DATA_VIEW, name=view.id, body=data_view_attributes(view))
            for view in data_views(space).values()
        ]
        return [*views, *(self._dashboard(one) for one in dashboards())]

    def of_detector(self, needs: DetectorNeeds) -> Sequence[Resource]:  # noqa: ARG002 - none
        """Nothing: all detectors share the dashboards."""
        return ()

    def made(self) -> Sequence[Resource]:
        """Nothing."""
        return ()

    def standing(self, wanted: Resource) -> Found:
        """How *wanted* stands in the space."""
        way = self._way(wanted.kind)
        there = way.read(wanted.name)
        if there is None:
            return Found(standing=Standing.ABSENT)
        will = way.wanted(wanted.body)
        mark = self._marks.get(wanted.kind, wanted.name)
        if mark is None:
            differences = changed(there.parts, will, ("there", "wanted"))
            kind = Standing.FOREIGN if differences else Standing.CURRENT
            return Found(standing=kind, differences=differences)
        if mark.before is not None:
            return _unconfirmed(mark, there)
        if not _as_written(mark, there):
            edited = changed(there.parts, mark.seen, ("edited by hand", "as it was written"))
            return Found(standing=Standing.EDITED, differences=edited)
        outdated = changed(mark.written, will, ("as it was written", "wanted"))
        kind = Standing.OUTDATED if outdated else Standing.CURRENT
        return Found(standing=kind, differences=outdated)

    def apply(self, wanted: Resource) -> None:
        """Create or replace it; a write that Kibana refuses leaves the record as it was."""
        if wanted.kind == DASHBOARD:
            self._kibana.require_space()
        way = self._way(wanted.kind)
        before, known = way.read(wanted.name), self._marks.get(wanted.kind, wanted.name)
        mark = Mark(
            kind=wanted.kind,
            name=wanted.name,
            written=way.wanted(wanted.body),
            seen=known.seen if known else {},
            updated_at=known.updated_at if known else "",
            before=before.parts if before else {},
        )
        self._marks.save(mark)
        try:
            way.write(wanted.name, wanted.body, there=before is not None)
        except SiemRefused:
            self._restore(wanted, known)
            raise
        there = way.read(wanted.name)
        if there is None:
            raise SiemUnavailable(
                f"Kibana took {wanted.kind.replace('_', ' ')} {wanted.name} but does not return it",
                hint="run `scoreback plan`, then `scoreback apply` again",
            )
        self._marks.save(
            Mark(
                kind=wanted.kind,
                name=wanted.name,
                written=mark.written,
                seen=there.parts,
                updated_at=there.updated_at,
            )
        )

    def remove(self, resource: Resource) -> None:
        """Remove it from the space."""
        self._way(resource.kind).remove(resource.name)
        self._marks.delete(resource.kind, resource.name)

    def _restore(self, wanted: Resource, known: Mark | None) -> None:
        if known is None:
            self._marks.delete(wanted.kind, wanted.name)
        else:
            self._marks.save(known)

    def _dashboard(self, definition: Dashboard) -> Resource:
        space = self._kibana.space
        if self._kibana.differences.dashboards_api:
            body = dashboard_body(definition, space)
        else:
            saved = dashboard_object(definition, space)
            body = {key: saved[key] for key in saved if key not in ("type", "id")}
        return Resource(kind=DASHBOARD, name=in_space(definition.name, space), body=body)

    def _way(self, kind: str) -> Way:
        if kind == DATA_VIEW:
            return DataViews(self._kibana)
        if self._kibana.differences.dashboards_api:
            return ApiDashboards(self._kibana)
        return SavedDashboards(self._kibana)


def _as_written(mark: Mark, there: There) -> bool:
    """Whether nobody saved it since Scoreback did; Kibana's upgrades may rewrite parts."""
    saved_by_us = bool(mark.updated_at) and mark.updated_at == there.updated_at
    return saved_by_us or dict(there.parts) == dict(mark.seen)


def _unconfirmed(mark: Mark, there: There) -> Found:
    """How an object stands if a write was begun and its end is unknown."""
    ours = dict(there.parts) == dict(mark.seen)
    if mark.before and dict(there.parts) == dict(mark.before) and not ours:
        # A take-over that was intended is still due: the object is as foreign as before.
        kind = Standing.EDITED if mark.seen else Standing.FOREIGN
        differences = changed(there.parts, mark.written, ("there", "wanted"))
        return Found(standing=kind, differences=differences)
    return Found(standing=Standing.OUTDATED, differences=("a write broke off: unknown -> wanted",))
