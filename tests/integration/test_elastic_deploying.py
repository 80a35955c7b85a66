"""`plan`, `apply` and `remove` on a cluster: once, shown, and never over somebody's hands."""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scoreback.connectors.elastic import ElasticConnector
from tests.elasticsearch.direct import done, request
from tests.elasticsearch.faults import refuses
from tests.elasticsearch.proxy import Proxy
from tests.integration.command import Ended, runner

pytestmark = pytest.mark.server
PARTLY = 3  # the exit code where something was left


class Planned(Ended):
    """How `plan`, `apply` or `remove` ended, and what they say of each thing."""

    @property
    def actions(self) -> dict[str, str]:
        """Each thing but streams, which have the names of their templates → what is done."""
        return self._actions(streams=False)

    @property
    def streams(self) -> dict[str, str]:
        """Each stream → what is done about it."""
        return self._actions(streams=True)

    def _actions(self, *, streams: bool) -> dict[str, str]:
        items = self.json["items"]
        return {i["name"]: i["action"] for i in items if (i["kind"] == "data_stream") == streams}

    @property
    def changed(self) -> set[str]:
        return {name for name, action in self.actions.items() if action != "nothing"}


@pytest.fixture
def namespace(elasticsearch_url: str) -> Iterator[str]:
    name = f"t{uuid.uuid4().hex[:12]}"
    yield name
    with_ours = ElasticConnector.open("tidy", {"hosts": [elasticsearch_url], "namespace": name})
    for resource in reversed(with_ours.resources.wanted()):
        path = {"index": "", "index_template": "_index_template/"}.get(resource.kind)
        if path is not None:
            request(elasticsearch_url, "DELETE", f"/{path}{resource.name}")
    for resource in with_ours.resources.wanted():
        request(elasticsearch_url, "DELETE", f"/_component_template/{resource.name}")
    with_ours.close_connection()


@pytest.fixture
def scoreback(
    workspace: Path,
    namespace: str,
    elasticsearch_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Planned]:
    """The command line in a workspace with a promoted detector, connected to the node."""
    monkeypatch.setenv("SCOREBACK_HOME", str(workspace))
    monkeypatch.setenv("SCOREBACK_CONNECTION", "cluster")
    write_connection(workspace, elasticsearch_url, namespace)

    run = runner(monkeypatch, capsys)

    def planned(*arguments: object) -> Planned:
        ended = Planned(*run(*arguments))
        assert "Traceback" not in ended.err
        return ended

    return planned


def write_connection(workspace: Path, url: str, namespace: str, **more: object) -> None:
    """The file of connection ``cluster``."""
    (workspace / "connections").mkdir(exist_ok=True)
    settings = {"connector": "elastic", "hosts": [url], "namespace": namespace, "replicas": 0}
    settings = {name: value for name, value in (settings | more).items() if value is not None}
    (workspace / "connections" / "cluster.yml").write_text(json.dumps(settings))


def test_apply_makes_all_that_plan_shows_and_then_there_is_nothing_to_do(
    scoreback: Callable[..., Planned],
    file: Path,
    workspace: Path,
    elasticsearch_url: str,
    namespace: str,
) -> None:
    planned = scoreback("plan", file, "--json")
    assert planned.code != 0
    made = {name for name, action in planned.actions.items() if action == "create"}
    assert len(made) >= 10
    assert "endpoint_threats" in made
    assert scoreback("apply", file).code == 0
    for _ in range(2):
        ended = scoreback("plan", file, "--json")
        assert (ended.code, ended.changed) == (0, set())
        assert scoreback("apply", file).code == 0
    # Another retention changes one template of each stream; more copies change each index.
    write_connection(workspace, elasticsearch_url, namespace, retention="30d", replicas=1)
    changed = scoreback("plan", file, "--json").actions
    assert changed[f"scoreback.scores-{namespace}"] == "update"
    assert changed[f"scoreback-alerts-{namespace}"] == "update"
    assert scoreback("apply", file).code == 0
    assert scoreback("plan", file, "--json").changed == set()


def test_a_connection_that_leaves_all_to_the_cluster_has_nothing_to_do_after_apply(
    scoreback: Callable[..., Planned],
    file: Path,
    workspace: Path,
    elasticsearch_url: str,
    namespace: str,
) -> None:
    write_connection(workspace, elasticsearch_url, namespace, replicas=None)
    assert scoreback("apply", file).code == 0
    planned = scoreback("plan", file, "--json")
    assert (planned.code, planned.changed) == (0, set())


def test_a_stream_follows_the_retention_of_the_settings_unless_somebody_gave_it_another(
    scoreback: Callable[..., Planned],
    file: Path,
    workspace: Path,
    elasticsearch_url: str,
    namespace: str,
) -> None:
    later = {"later: the first document creates it"}
    assert set(scoreback("plan", file, "--json").streams.values()) == later
    assert scoreback("apply", file).code == 0
    assert set(scoreback("plan", file, "--json").streams.values()) == later
    scores, health = f"scoreback.scores-{namespace}", f"scoreback.health-{namespace}"
    kept = {name: f"/_data_stream/{name}/_lifecycle" for name in (scores, health)}
    for name in kept:
        document = {"@timestamp": "2026-03-01T12:00:00Z"}
        done(elasticsearch_url, "POST", f"/{name}/_doc?refresh=true", document)

    def retention(name: str) -> str:
        found = done(elasticsearch_url, "GET", kept[name])["data_streams"][0]["lifecycle"]
        return str(found["data_retention"])

    assert {retention(name) for name in kept} == {"365d"}
    assert set(scoreback("plan", file, "--json").streams.values()) == {"nothing"}
    done(elasticsearch_url, "PUT", kept[health], {"data_retention": "700d"})
    write_connection(workspace, elasticsearch_url, namespace, retention="30d")
    planned = scoreback("plan", file, "--json")
    assert planned.changed == {scores, health}
    assert planned.streams == {scores: "update", health: "edited by hand"}
    assert "lifecycle.data_retention: 365d -> 30d" in planned.out
    assert "lifecycle.data_retention: 700d -> 30d" in planned.out
    assert scoreback("apply", file, "--json").code == PARTLY
    assert (retention(scores), retention(health)) == ("30d", "700d")
    shown = scoreback("plan", file, "--json")
    assert shown.changed == set()
    assert shown.streams == {scores: "nothing", health: "edited by hand"}
    assert scoreback("apply", file, "--take-over", "--json").code == 0
    assert retention(health) == "30d"
    ended = scoreback("plan", file, "--json")
    assert (ended.code, set(ended.streams.values())) == (0, {"nothing"})


def test_what_somebody_edited_is_shown_and_left_until_it_may_be_taken_over(
    scoreback: Callable[..., Planned], file: Path, elasticsearch_url: str, namespace: str
) -> None:
    assert scoreback("apply", file).code == 0
    template = f"scoreback.scores-{namespace}"
    path = f"/_index_template/{template}"
    body = done(elasticsearch_url, "GET", path)["index_templates"][0]["index_template"]
    ours = {key: value for key, value in body.items() if "_date" not in key}
    done(elasticsearch_url, "PUT", path, ours | {"priority": 7})
    alerts = f"scoreback-alerts-{namespace}"
    done(elasticsearch_url, "PUT", f"/{alerts}/_mapping", {"_meta": {}})
    rule = f"/scoreback-rules-{namespace}/_doc/endpoint_threats"
    document = done(elasticsearch_url, "GET", rule)["_source"]
    edited = document | {"enabled": False, "rule": document["rule"] | {"per_entity": 99}}
    done(elasticsearch_url, "PUT", f"{rule}?refresh=true", edited)
    kept = {
        template: "edited by hand",
        alerts: "somebody else's",
        "endpoint_threats": "edited by hand",
    }

    shown = scoreback("plan", file, "--json")
    assert {name: shown.actions[name] for name in shown.changed} == kept
    assert "priority: 7 -> 500" in shown.out
    assert "per_entity: 99 -> 3" in shown.out
    left = scoreback("apply", file, "--json")
    assert left.code == PARTLY
    assert done(elasticsearch_url, "GET", rule)["_source"] == edited
    assert scoreback("apply", file, "--take-over", "--json").code == 0
    assert scoreback("plan", file, "--json").changed == set()
    document = done(elasticsearch_url, "GET", rule)["_source"]
    assert document["rule"]["per_entity"] == 3
    assert document["enabled"] is False  # theirs to say


@pytest.mark.parametrize(
    "edit", [{"rule": "text"}, {"rule": {"severity": "urgent"}}, {"rule": None}, {"enabled": True}]
)
def test_a_rule_that_was_edited_beyond_reading_is_shown_refused_and_written_anew(
    edit: dict[str, Any],
    scoreback: Callable[..., Planned],
    file: Path,
    elasticsearch_url: str,
    namespace: str,
) -> None:
    assert scoreback("apply", file).code == 0
    rule = f"/scoreback-rules-{namespace}/_doc/endpoint_threats"
    done(elasticsearch_url, "PUT", f"{rule}?refresh=true", edit)
    assert scoreback("plan", file, "--json").changed == {"endpoint_threats"}
    assert scoreback("apply", file, "--json").code == PARTLY
    assert scoreback("apply", file, "--take-over", "--json").code == 0
    assert scoreback("plan", file, "--json").changed == set()


def test_a_template_of_somebody_else_under_our_name_is_left_alone(
    scoreback: Callable[..., Planned], file: Path, elasticsearch_url: str, namespace: str
) -> None:
    name = f"scoreback.health-{namespace}"
    theirs = {"index_patterns": [name], "template": {"settings": {"number_of_replicas": 0}}}
    done(elasticsearch_url, "PUT", f"/_index_template/{name}", theirs)
    left = scoreback("apply", file, "--json")
    assert left.code == PARTLY
    assert left.actions[name] in ("somebody else's", "nothing")
    found = done(elasticsearch_url, "GET", f"/_index_template/{name}")["index_templates"]
    assert "data_stream" not in found[0]["index_template"]
    removed = scoreback("remove", "--all", "--yes", "--json")
    assert removed.code == PARTLY
    assert request(elasticsearch_url, "GET", f"/_index_template/{name}")[0] == 200


def test_our_template_wins_over_a_wider_one_of_lower_priority(
    scoreback: Callable[..., Planned], file: Path, elasticsearch_url: str, namespace: str
) -> None:
    wider = f"wide-{namespace}"
    body = {
        "index_patterns": [f"scoreback.*-{namespace}"],
        "priority": 250,
        "template": {"mappings": {"properties": {"scoreback.score": {"type": "keyword"}}}},
    }
    done(elasticsearch_url, "PUT", f"/_index_template/{wider}", body)
    try:
        assert scoreback("apply", file).code == 0
        stream = f"scoreback.scores-{namespace}"
        path = f"/_index_template/_simulate_index/{stream}"
        properties = done(elasticsearch_url, "POST", path)["template"]["mappings"]["properties"]
        assert properties["scoreback.score"]["type"] == "double"
    finally:
        request(elasticsearch_url, "DELETE", f"/_index_template/{wider}")


def test_remove_leaves_nothing_behind_of_what_was_applied(
    scoreback: Callable[..., Planned], file: Path, elasticsearch_url: str, namespace: str
) -> None:
    assert scoreback("apply", file).code == 0
    kept = scoreback("remove", "--all", "--yes", "--json")
    assert kept.code == PARTLY  # what holds data stays unless it is said
    assert request(elasticsearch_url, "HEAD", f"/scoreback-alerts-{namespace}")[0] == 200
    scoreback("remove", "--all", "--with-data", "--yes", "--json")
    found = done(elasticsearch_url, "GET", f"/_resolve/index/*{namespace}*")
    assert not found["indices"]
    for kind in ("index_template", "component_template"):
        templates = done(elasticsearch_url, "GET", f"/_{kind}")[f"{kind}s"]
        assert not [one["name"] for one in templates if namespace in one["name"]]
    again = scoreback("remove", "--all", "--with-data", "--yes", "--json")
    assert again.code in (0, PARTLY)


def test_a_stream_that_the_server_will_not_remove_is_named_and_stays(
    scoreback: Callable[..., Planned],
    file: Path,
    workspace: Path,
    elasticsearch_url: str,
    elasticsearch_proxy: Proxy,
    namespace: str,
) -> None:
    """The key may lack the right, and the server may not know how."""
    assert scoreback("apply", file).code == 0
    stream = f"scoreback.scores-{namespace}"
    document = {"@timestamp": "2026-03-01T00:00:00Z"}
    done(elasticsearch_url, "PUT", f"/{stream}/_create/1", document)
    write_connection(workspace, elasticsearch_proxy.url, namespace)
    elasticsearch_proxy.add(refuses(403), method="DELETE", path="_data_stream", times=None)
    ended = scoreback("remove", "--all", "--with-data", "--yes")
    assert ended.code == PARTLY
    assert stream in ended.out + ended.err
    assert request(elasticsearch_url, "GET", f"/scoreback-rules-{namespace}")[0] == 404
