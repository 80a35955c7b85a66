"""Dashboards as resources: what stands there, whose it is, and what a broken write leaves."""

from dataclasses import replace
from typing import cast

import pytest

from scoreback.connectors.elastic.kibana.client import Kibana
from scoreback.connectors.elastic.kibana.dashboards.door import DASHBOARD, DATA_VIEW, Dashboards
from scoreback.connectors.elastic.wire.client import Client
from scoreback.deployment import Resource, Standing
from scoreback.errors import SiemRefused, SiemUnavailable
from tests.unit.connectors.elastic.kibana.kept_things import ClusterStandIn, KibanaStandIn

NOW = "scoreback-now"


class Place:
    """A space with our door to it."""

    def __init__(self, *, dashboards_api: bool, space: str = "default") -> None:
        self.kibana = KibanaStandIn(dashboards_api=dashboards_api, space=space)
        self.cluster = ClusterStandIn()
        self.door = Dashboards(
            cast("Kibana", self.kibana), cast("Client", self.cluster), "scoreback-kibana-default"
        )

    def wanted(self, name: str) -> Resource:
        return next(one for one in self.door.wanted() if one.name == name)

    def standing(self, name: str = NOW) -> Standing:
        return self.door.standing(self.wanted(name)).standing

    def apply_all(self) -> None:
        for one in self.door.wanted():
            self.door.apply(one)

    def earlier(self) -> Resource:
        """The dashboard as an earlier version of ours would have it."""
        now = self.wanted(NOW)
        if "attributes" in now.body:
            attributes = cast("dict[str, object]", now.body["attributes"])
            return replace(now, body={**now.body, "attributes": {**attributes, "title": "Old"}})
        return replace(now, body={**now.body, "title": "Old"})


@pytest.fixture(params=[True, False], ids=["by the API", "as saved objects"])
def place(request: pytest.FixtureRequest) -> Place:
    return Place(dashboards_api=request.param)


def test_all_is_absent_then_applied_then_current(place: Place) -> None:
    wanted = place.door.wanted()
    assert [one.kind for one in wanted] == [DATA_VIEW] * 3 + [DASHBOARD] * 2
    assert {place.door.standing(one).standing for one in wanted} == {Standing.ABSENT}
    place.apply_all()
    assert {place.door.standing(one).standing for one in wanted} == {Standing.CURRENT}
    place.apply_all()
    assert {place.door.standing(one).standing for one in wanted} == {Standing.CURRENT}


def test_an_earlier_version_is_outdated_and_says_what_differs(place: Place) -> None:
    place.apply_all()
    place.door.apply(place.earlier())
    found = place.door.standing(place.wanted(NOW))
    assert found.standing == Standing.OUTDATED
    assert found.differences == ("title: as it was written -> wanted",)
    place.door.apply(place.wanted(NOW))
    assert place.standing() == Standing.CURRENT


def test_an_edit_by_hand_is_told_from_an_earlier_version(place: Place) -> None:
    place.apply_all()
    place.kibana.edit(NOW, title="Ours now", description="by hand")
    found = place.door.standing(place.wanted(NOW))
    assert found.standing == Standing.EDITED
    assert found.differences == (
        "description: edited by hand -> as it was written",
        "title: edited by hand -> as it was written",
    )
    place.door.apply(place.wanted(NOW))  # the service does so where it is taken over
    assert place.standing() == Standing.CURRENT


def test_a_panel_that_somebody_took_away_is_an_edit(place: Place) -> None:
    place.apply_all()
    if place.kibana.dashboards_api:
        place.kibana.edit(NOW, panels=place.kibana.dashboards[NOW]["panels"][1:])
    else:
        place.kibana.edit(NOW, panelsJSON="[]")
    found = place.door.standing(place.wanted(NOW))
    assert found.standing == Standing.EDITED
    assert "panel waiting: absent -> as it was written" in found.differences


def test_an_upgrade_of_kibana_is_no_edit(place: Place) -> None:
    place.apply_all()
    place.kibana.upgrade()
    assert place.standing() == Standing.CURRENT


def test_after_an_upgrade_the_new_way_takes_over_what_the_old_one_made() -> None:
    place = Place(dashboards_api=False)
    place.apply_all()
    saved = place.kibana.dashboards.pop(NOW)
    place.kibana.dashboards_api = True
    place.kibana.dashboards[NOW] = {"title": saved["attributes"]["title"], "panels": []}
    assert place.standing() == Standing.OUTDATED
    place.door.apply(place.wanted(NOW))
    assert place.standing() == Standing.CURRENT


def test_what_somebody_else_has_under_our_name_is_foreign(place: Place) -> None:
    place.apply_all()
    place.cluster.documents.clear()
    place.kibana.edit(NOW, title="Theirs")
    assert place.standing() == Standing.FOREIGN


def test_a_refused_write_leaves_what_was_known(place: Place) -> None:
    place.apply_all()
    place.kibana.edit(NOW, title="Ours now")
    place.kibana.refuses = "no room"
    with pytest.raises(SiemRefused, match="no room"):
        place.door.apply(place.wanted(NOW))
    assert place.standing() == Standing.EDITED


def test_a_refused_first_write_leaves_no_mark(place: Place) -> None:
    for one in place.door.wanted():
        if one.kind == DATA_VIEW:
            place.door.apply(one)
    place.kibana.refuses = "no room"
    with pytest.raises(SiemRefused, match="no room"):
        place.door.apply(place.wanted(NOW))
    assert place.standing() == Standing.ABSENT
    assert not [path for path in place.cluster.documents if "dashboard" in path]


def test_a_write_whose_answer_is_lost_is_ours_and_shown(place: Place) -> None:
    for one in place.door.wanted():
        if one.kind == DATA_VIEW:
            place.door.apply(one)
    place.kibana.answer_is_lost = True
    with pytest.raises(SiemUnavailable):
        place.door.apply(place.wanted(NOW))
    found = place.door.standing(place.wanted(NOW))
    assert found.standing == Standing.OUTDATED
    assert found.differences == ("a write broke off: unknown -> wanted",)
    place.door.apply(place.wanted(NOW))
    assert place.standing() == Standing.CURRENT


def test_a_take_over_that_broke_off_before_it_began_is_as_foreign_as_before(place: Place) -> None:
    place.apply_all()
    place.cluster.documents.clear()
    place.kibana.edit(NOW, title="Theirs")
    stands = place.kibana.dashboards[NOW]
    place.kibana.answer_is_lost = True
    with pytest.raises(SiemUnavailable):
        place.door.apply(place.wanted(NOW))
    place.kibana.dashboards[NOW] = stands  # the write never came there
    assert place.standing() == Standing.FOREIGN


def test_a_data_view_that_is_missing_is_named_and_nothing_is_made() -> None:
    place = Place(dashboards_api=False)
    with pytest.raises(SiemRefused, match=r"missing_references: .*scoreback-health"):
        place.door.apply(place.wanted(NOW))
    assert place.standing() == Standing.ABSENT
    assert place.kibana.dashboards == {}


def test_one_that_appeared_meanwhile_is_not_written_over() -> None:
    place = Place(dashboards_api=False)
    place.apply_all()
    theirs = place.kibana.dashboards[NOW]
    way = place.door._way(DASHBOARD)
    with pytest.raises(SiemRefused, match="conflict"):
        way.write(NOW, place.wanted(NOW).body, there=False)
    assert place.kibana.dashboards[NOW] is theirs


def test_formats_that_somebody_gave_a_data_view_are_no_edit_and_stay(place: Place) -> None:
    place.apply_all()
    view = place.kibana.views["scoreback-scores"]
    view["fieldFormats"] = {"scoreback.score": {"id": "percent"}}
    assert place.standing("scoreback-scores") == Standing.CURRENT
    view["title"] = "logs-*"
    assert place.standing("scoreback-scores") == Standing.EDITED
    place.door.apply(place.wanted("scoreback-scores"))
    assert view["title"] == "scoreback.scores-*"
    assert view["fieldFormats"]


def test_removing_takes_the_mark_away_too_and_may_be_repeated(place: Place) -> None:
    place.apply_all()
    for _ in range(2):
        for one in reversed(place.door.wanted()):
            place.door.remove(one)
    assert place.kibana.dashboards == {}
    assert place.kibana.views == {}
    assert place.cluster.documents == {}


def test_a_space_has_ids_of_its_own() -> None:
    place = Place(dashboards_api=True, space="soc")
    assert {one.name for one in place.door.wanted()} == {
        "scoreback-scores-soc", "scoreback-health-soc", "scoreback-alerts-soc",
        "scoreback-now-soc", "scoreback-well-soc",
    }  # fmt: skip
