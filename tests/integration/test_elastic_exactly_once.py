"""Killed at each step of writing to a cluster, whatever it does meanwhile: once as read."""

import json
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.reading import events as reading
from scoreback.connectors.elastic.wire import bulk
from scoreback.models.detector.file import load_detector
from scoreback.service.app import opened
from scoreback.service.demo.company import Company
from scoreback.service.deploying.reconcile import reconcile
from scoreback.service.scoring import cutter
from tests.elasticsearch.connection import connected, sample_index
from tests.elasticsearch.direct import done, sources
from tests.elasticsearch.faults import refuses, resets
from tests.elasticsearch.proxy import Proxy
from tests.integration import killed_run
from tests.integration.conftest import START, TRAINED, day, with_refs

pytestmark = pytest.mark.server
PROGRAM = Path(killed_run.__file__)
NAME = "cluster"
END = day(TRAINED + 2)
FIRST_DAY = TRAINED - 1  # the windows of the first hours see little: the same in every run
DEATHS = [
    ("outbox", "after", 2), ("begin", "after", 2), ("bulk request", "after", 1),
    ("bulk request", "after", 4), ("write", "after", 2), ("enrich", "after", 2),
    ("histogram", "after", 2), ("sent", "before", 2), ("sent", "after", 2),
    ("alerts", "before", 2), ("new alerts", "before", 1), ("new alerts", "after", 1),
    ("marks", "after", 1), ("alerts", "after", 2),
]  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _several_steps() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutter, "STEP_ROWS", killed_run.CLUSTER_STEP_ROWS)
        patch.setattr(reading, "CHUNK_ROWS", killed_run.CLUSTER_STEP_ROWS)
        patch.setattr(bulk, "MAX_ITEMS", killed_run.BULK_ITEMS)
        yield


@pytest.fixture(scope="module")
def detector_file(
    applied: ElasticConnector, file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The detector, over the events of three days in the cluster; many of its scores are kept."""
    company = Company(seed=7, start=START, days=TRAINED + 2)
    for one in list(company.days("endpoint"))[FIRST_DAY:]:
        applied.intake.add_events("endpoint", with_refs(one.events))
    text = file.read_text()
    stream = sample_index(applied, "endpoint")
    text = text.replace("logs-scoreback_demo.endpoint-*", stream)
    text = text.replace("write:\n", "write:\n  enrich: entity\n  keep: {sample: 5%}\n")
    assert stream in text
    path = tmp_path_factory.mktemp("detector") / "endpoint_threats.yml"
    path.write_text(text)
    return path


@pytest.fixture
def cluster(elasticsearch_url: str) -> Iterator[ElasticConnector]:
    """A namespace of its own for what is written."""
    with connected(elasticsearch_url, NAME) as connector:
        yield connector


def workspace_of(trained: Path, home: Path, url: str, namespace: str, file: Path) -> Path:
    """A copy of the trained workspace on *namespace* of the node at *url*, with its rule there."""
    shutil.copytree(trained, home)
    (home / "connections").mkdir()
    settings = {"hosts": [url], "namespace": namespace, "settle": "PT0S", "replicas": 0}
    text = json.dumps({"connector": "elastic", "longest_wait": 0.01, **settings})
    (home / "connections" / f"{NAME}.yml").write_text(text)
    with opened(killed_run.settings_of(home, NAME)) as app:
        assert reconcile(app, load_detector(file), at=day(TRAINED))
    return home


@pytest.fixture
def home(
    trained: Path,
    tmp_path: Path,
    cluster: ElasticConnector,
    elasticsearch_url: str,
    detector_file: Path,
) -> Path:
    """A workspace that writes to the node itself."""
    namespace = cluster.given.namespace
    return workspace_of(trained, tmp_path / "w", elasticsearch_url, namespace, detector_file)


def run(home: Path, file: Path, now: datetime = END) -> None:
    killed_run.score_all(killed_run.settings_of(home, NAME), file, now)


def killed(home: Path, file: Path, point: str, when: str, call: int) -> None:
    command = [sys.executable, str(PROGRAM), str(home), str(file), END.isoformat()]
    ended = subprocess.run([*command, point, when, str(call), NAME], check=False)
    assert ended.returncode == -signal.SIGKILL


def everything(cluster: ElasticConnector) -> tuple[dict[str, Any], dict[str, int]]:
    """What is there as read, and how many raw documents too many of each kind."""
    url, namespace = cluster.given.hosts[0], cluster.given.namespace
    raw = {
        "scores": [received(hit) for hit in sources(url, f"scoreback.scores-{namespace}")],
        "counts": sources(url, f"scoreback.health-{namespace}"),
    }
    alerts = sources(url, f"scoreback-alerts-{namespace}")
    entities = sources(url, f"scoreback-lookup-entities-{namespace}")
    read = {
        kind: {hit["_id"]: hit["_source"] for hit in hits}
        for kind, hits in {**raw, "alerts": alerts, "entities": entities}.items()
    }
    read["counts"] = by_hour(read["counts"].values())
    read["listed"] = {a.alert_id: {"events": a.events} for a in cluster.alerts.find()}
    doubled = {
        kind: sum(n - 1 for n in Counter(hit["_id"] for hit in hits).values())
        for kind, hits in raw.items()
    }
    return read, doubled


def received(hit: dict[str, Any]) -> dict[str, Any]:
    """*hit* with the second when the cluster got it: within one, hits are told apart by where in
    their request they stood."""
    source = hit["_source"]
    return {**hit, "_source": {**source, "event.ingested": source["event.ingested"][:19]}}


def by_hour(counts: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Sums over slices: where those are cut depends on where a run began."""
    found: dict[str, dict[str, Any]] = {}
    for one in counts:
        slice_counts = one["scoreback"]["histogram"]["counts"]
        hour = found.setdefault(one["@timestamp"], {"counts": [0] * len(slice_counts)})
        hour["counts"] = [a + b for a, b in zip(hour["counts"], slice_counts, strict=True)]
    return found


def differences(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """What differs, by kind, id and key."""
    return [
        f"{kind} {name} {key}: {is_.get(key)} is not {was.get(key)}"
        for kind in wanted
        for name in sorted({*found[kind], *wanted[kind]})
        for is_, was in [(found[kind].get(name, {}), wanted[kind].get(name, {}))]
        for key in sorted({*is_, *was})
        if is_.get(key) != was.get(key)
    ]


@pytest.fixture(scope="module")
def undisturbed(
    trained: Path,
    detector_file: Path,
    elasticsearch_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    with connected(elasticsearch_url, NAME) as cluster:
        folder = tmp_path_factory.mktemp("undisturbed") / "home"
        namespace = cluster.given.namespace
        home = workspace_of(trained, folder, elasticsearch_url, namespace, detector_file)
        run(home, detector_file)
        found, doubled = everything(cluster)
    assert len(found["scores"]) > 50
    assert len(found["alerts"]) > 2
    assert len(found["counts"]) > 10
    assert doubled == {"scores": 0, "counts": 0}
    return found


@pytest.mark.parametrize(("point", "when", "call"), DEATHS)
def test_a_run_killed_at_any_step_is_made_good_by_the_next(
    point: str,
    when: str,
    call: int,
    home: Path,
    cluster: ElasticConnector,
    detector_file: Path,
    undisturbed: dict[str, Any],
) -> None:
    killed(home, detector_file, point, when, call)
    run(home, detector_file)
    found, doubled = everything(cluster)
    assert differences(found, undisturbed) == []
    assert doubled == {"scores": 0, "counts": 0}


@pytest.mark.parametrize(
    ("point", "when", "call"), [("bulk request", "after", 4), ("write", "after", 2)]
)
def test_a_rollover_between_the_crash_and_the_settling_doubles_no_score(
    point: str,
    when: str,
    call: int,
    home: Path,
    cluster: ElasticConnector,
    detector_file: Path,
    elasticsearch_url: str,
    undisturbed: dict[str, Any],
) -> None:
    killed(home, detector_file, point, when, call)
    stream = f"scoreback.scores-{cluster.given.namespace}"
    done(elasticsearch_url, "POST", f"/{stream}/_rollover")
    run(home, detector_file)
    found, doubled = everything(cluster)
    assert differences(found, undisturbed) == []
    assert doubled == {"scores": 0, "counts": 0}


def test_counts_that_were_written_before_a_crash_and_a_rollover_count_once_by_their_id(
    home: Path,
    cluster: ElasticConnector,
    detector_file: Path,
    elasticsearch_url: str,
    undisturbed: dict[str, Any],
) -> None:
    """The one raw duplicate that is left: counts are not looked up before they are written."""
    killed(home, detector_file, "histogram", "after", 1)
    stream = f"scoreback.health-{cluster.given.namespace}"
    done(elasticsearch_url, "POST", f"/{stream}/_rollover")
    run(home, detector_file)
    found, doubled = everything(cluster)
    assert differences(found, undisturbed) == []
    assert doubled["scores"] == 0


def test_answers_that_get_lost_double_nothing(
    trained: Path,
    tmp_path: Path,
    cluster: ElasticConnector,
    detector_file: Path,
    elasticsearch_proxy: Proxy,
    elasticsearch_url: str,
    undisturbed: dict[str, Any],
) -> None:
    """The server took the documents, then the connection broke, and the stream rolled over."""
    namespace = cluster.given.namespace
    home = workspace_of(trained, tmp_path / "w", elasticsearch_proxy.url, namespace, detector_file)
    stream = f"scoreback.scores-{namespace}"

    def lost(sent: Any, forward: Any) -> Any:  # noqa: ANN401 - of the proxy
        forward(sent)
        done(elasticsearch_url, "POST", f"/{stream}/_rollover")
        return resets()(sent, forward)

    elasticsearch_proxy.add(lost, path=f"{stream}/_bulk", times=2)
    elasticsearch_proxy.add(lost, path=f"{stream}/_bulk", skip=3, times=1)
    elasticsearch_proxy.add(resets(after_server=True), path="alerts.*/_bulk", times=1)
    elasticsearch_proxy.add(resets(after_server=True), path="health.*/_bulk", times=1)
    elasticsearch_proxy.add(refuses(503), path="_search", skip=5, times=2)
    run(home, detector_file)
    found, doubled = everything(cluster)
    assert differences(found, undisturbed) == []
    assert doubled == {"scores": 0, "counts": 0}
