"""What a cluster scores by itself follows the service: model, version and threshold in force.

Events are scored on the embedded SIEM; its doors to resources and native scoring are those of a
connection to an OpenSearch node, which has Painless.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from scoreback.connectors.doors import Connector
from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.local import LocalConnector
from scoreback.deployment import MODEL, DetectorNeeds, Found, Resource, Standing
from scoreback.models.detector.file import load_detector
from scoreback.models.detector.spec import Detector
from scoreback.models.portable.portability import hindrances
from scoreback.service.app import App, opened
from scoreback.service.deploying.native import follow_native
from scoreback.service.deploying.native_models import why_not_native
from scoreback.service.deploying.plan_apply import removable, remove
from scoreback.service.deploying.promotion import promote
from scoreback.service.settings import Settings
from scoreback.service.training.train_job import train_detector
from tests.integration.conftest import DAYS, FILE, TRAINED, day
from tests.integration.embedded import champion_of

pytestmark = pytest.mark.server
NOW = day(DAYS)


class _Both:
    """The embedded SIEM with two doors of a cluster's."""

    def __init__(self, local: LocalConnector, cluster: ElasticConnector) -> None:
        self._local = local
        self.native, self.resources = cluster.native, _Resources(cluster)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the door is
        return getattr(self._local, name)


class _Resources:
    """The cluster's door, told of events as its detector files would name them."""

    def __init__(self, cluster: ElasticConnector) -> None:
        self._door = cluster.resources

    def wanted(self) -> list[Resource]:
        return []

    def of_detector(self, needs: DetectorNeeds) -> Any:  # noqa: ANN401 - resources
        return self._door.of_detector(replace(needs, selection={"index": "no-such-index"}))

    def standing(self, wanted: Resource) -> Found:
        return self._door.standing(wanted)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the rest of the door
        return getattr(self._door, name)


def _portable() -> Detector:
    written = load_detector(FILE)
    features = [f for f in written.features if not hindrances([f])]
    return Detector.model_validate(
        {**written.model_dump(mode="json"), "name": "on-cluster"}
        | {"features": [f.model_dump(mode="json") for f in features]}
        | {"train": {"algorithms": ["xgboost"]}}
    )


PORTABLE = _portable()


@pytest.fixture
def app(
    trained: Path, tmp_path: Path, opensearch: ElasticConnector, monkeypatch: pytest.MonkeyPatch
) -> Iterator[App]:
    assert opensearch.native is not None
    monkeypatch.setattr(opensearch.native, "hindrances", lambda _needs: ())
    shutil.copytree(trained, tmp_path / "home")
    with opened(Settings(home=tmp_path / "home")) as local:
        first = train_detector(local, PORTABLE, as_of=day(TRAINED), now=day(TRAINED))
        promote(local, PORTABLE, first.version.version, by="test", at=day(TRAINED))
        assert isinstance(local.connector, LocalConnector)
        yield replace(local, connector=cast("Connector", _Both(local.connector, opensearch)))


def test_a_champion_scores_events_of_the_cluster_once_it_passed_the_gate_there(
    app: App, opensearch: ElasticConnector
) -> None:
    warnings: list[str] = []
    follow_native(app, [PORTABLE], at=NOW, warn=warnings.append)
    assert warnings == []
    assert opensearch.native is not None
    champion = champion_of(app, PORTABLE).version
    point = opensearch.native.in_force()["on-cluster"]
    assert (point.version, point.why) == (champion, "")
    made = {(one.kind == MODEL, one.version) for one in opensearch.resources.made()}
    assert made == {(True, champion), (False, "")}
    wanted = next(one for one in opensearch.resources.made() if one.kind == MODEL)
    path = f"/_ingest/pipeline/scoreback-native.{opensearch.given.namespace}-on-cluster/_simulate"
    event = {"@timestamp": "2026-06-20T00:00:00Z", "host": {"name": "a"}}
    said = opensearch.client.call("POST", path, {"docs": [{"_source": event}]})
    told = said["docs"][0]["doc"]["_source"]["scoreback"]
    assert (told["detector"], told["version"]) == ("on-cluster", wanted.version)
    assert told["threshold"] == point.threshold
    follow_native(app, [PORTABLE], at=day(DAYS + 1))
    assert opensearch.native.in_force()["on-cluster"].updated_at == NOW, "nothing changed"
    assert opensearch.resources.standing(wanted).standing == Standing.CURRENT
    taken = removable(app, ["on-cluster"], everything=False, with_data=False)
    stays = remove(app, taken, by="test", at=NOW)
    assert [one.stays for one in stays] == ["" for _ in stays]
    assert opensearch.resources.made() == []


def test_a_detector_that_looks_back_says_that_it_cannot(app: App, detector: Detector) -> None:
    (why,) = why_not_native(app, detector, champion_of(app, detector).version)
    assert "looks at earlier events, which only the service keeps" in why
