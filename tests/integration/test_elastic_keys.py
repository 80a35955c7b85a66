"""API keys with the least rights: printed, made, and enough for all that the product calls.

A simulator of Elasticsearch's security stands before the real node.
"""

import json
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scoreback.connectors.doors.keys import KeyNeeds
from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.names import Names
from scoreback.errors import ScorebackError, SiemRefused
from scoreback.records import EventQuery, Finding
from scoreback.service.cli import app as commands
from scoreback.service.cli.keys import PASSWORD as VARIABLE
from tests.elasticsearch.batches import NOW, events, rule, scores
from tests.elasticsearch.direct import fill, make
from tests.elasticsearch.proxy import Proxy
from tests.elasticsearch.rights import Need, Unknown, has, needs
from tests.elasticsearch.security import PASSWORD, USER, Security

pytestmark = pytest.mark.server


@pytest.fixture
def security(elasticsearch_proxy: Proxy) -> Security:
    found = Security()
    found.before(elasticsearch_proxy)
    return found


def bodies(settings: dict[str, Any], *selections: str, in_place: bool = False) -> dict[str, Any]:
    """The bodies of the two keys, by purpose."""
    wanted = [
        KeyNeeds(detector="d", selection={"index": one}, in_place=in_place) for one in selections
    ]
    found = ElasticConnector.key_requests("prod", settings, wanted)
    return {one.purpose: one.body for one in found}


def role(body: dict[str, Any]) -> dict[str, Any]:
    (found,) = body["role_descriptors"].values()
    return dict(found)


def test_the_installing_key_installs_and_the_running_key_runs_and_neither_can_more(
    security: Security, elasticsearch_proxy: Proxy, elasticsearch_url: str, fresh_prefix: str
) -> None:
    index = f"{fresh_prefix}-events"
    make(elasticsearch_url, index)
    fill(elasticsearch_url, index, events(range(5)))
    given = {
        "hosts": [elasticsearch_proxy.url],
        "namespace": fresh_prefix.replace("-", "_"),
        "replicas": 0,
    }
    keys = {purpose: security.add_key(body) for purpose, body in bodies(given, index).items()}
    install = ElasticConnector.open("prod", {**given, "api_key": keys["install"]})
    run = ElasticConnector.open("prod", {**given, "api_key": keys["run"]})
    try:
        for resource in install.resources.wanted():
            install.resources.apply(resource)
            install.resources.apply(resource)  # brings one up to date
        query = EventQuery(selection={"index": index}, fields=("host.name",))
        assert [one.what for one in run.check(query) if "plain http" not in one.what] == []
        run.scores.write(scores(range(3), alert=True), at=NOW)
        run.rules.apply(rule())
        assert run.rule_engine is not None
        run.rule_engine.evaluate(since=NOW.replace(year=2020), at=NOW)
        run.rules.remove(rule().name)
        assert security.refused == []
        for resource in run.resources.wanted():
            if resource.name != Names(run.given.namespace).health:  # nobody wrote to that stream
                with pytest.raises(SiemRefused, match="403"):
                    run.resources.remove(resource)
        assert {one.privilege for _, _, lacks in security.refused for one in lacks} == {
            "delete_index", "manage_index_templates",
        }  # fmt: skip
    finally:
        for resource in reversed(install.resources.wanted()):
            with suppress(SiemRefused):  # the node cannot remove streams
                install.resources.remove(resource)
        install.close_connection()
        run.close_connection()


def findings(proxy: Proxy, key: str, index: str, **settings: object) -> dict[str, Finding]:
    given = {"hosts": [proxy.url], "api_key": key, **settings}
    connector = ElasticConnector.open("found", given)
    try:
        query = EventQuery(selection={"index": index}, fields=())
        return {one.what: one for one in connector.check(query) if "does not exist" not in one.what}
    finally:
        connector.close_connection()


@pytest.fixture
def index(elasticsearch_url: str, fresh_prefix: str) -> str:
    name = f"{fresh_prefix}-seen"
    make(elasticsearch_url, name)
    fill(elasticsearch_url, name, events(range(2)))
    return name


def test_check_names_what_a_key_lacks(
    security: Security, elasticsearch_proxy: Proxy, index: str
) -> None:
    body = bodies({"hosts": ["https://x:1"]}, index)["run"]
    entries = role(body)["indices"]
    (of_settings,) = [e for e in entries if e["names"] == [Names("default").settings]]
    of_settings["privileges"].remove("maintenance")
    found = findings(elasticsearch_proxy, security.add_key(body), index)
    (finding,) = [one for what, one in found.items() if "missing" in what]
    assert "scoreback-settings-default are missing: maintenance" in finding.what
    assert finding.fatal
    assert "scoreback keys --elastic" in finding.fix


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r.update(cluster=["all"]), "may do everything"),
        (lambda r: r["indices"].append({"names": ["*"], "privileges": ["all"]}),
         "may do everything"),
        (lambda r: r["cluster"].append("manage_security"),
         "that it does not need: manage_security"),
        (lambda r: r["indices"].append({"names": ["*"], "privileges": ["read"]}),
         "on every index: read"),
        (lambda r: r["indices"][0]["privileges"].append("index"), "that it does not need: index"),
        (lambda r: r["indices"][1]["privileges"].append("delete"),
         "scoreback.scores-default that it does not need: delete"),
    ],
)  # fmt: skip
def test_check_names_what_a_key_has_too_much(
    change: Callable[[dict[str, Any]], object],
    words: str,
    security: Security,
    elasticsearch_proxy: Proxy,
    index: str,
) -> None:
    body = bodies({"hosts": ["https://x:1"]}, index)["run"]
    change(body["role_descriptors"]["run"])
    found = findings(elasticsearch_proxy, security.add_key(body), index)
    more = [one for what, one in found.items() if words in what]
    assert more, list(found)
    assert not any(one.fatal for one in more)


def test_a_key_that_may_write_settings_which_the_connection_only_reads_is_named(
    security: Security, elasticsearch_proxy: Proxy, index: str
) -> None:
    only_read = {"hosts": ["https://x:1"], "keep_settings": False}
    key = security.add_key(bodies(only_read, index)["run"])
    assert not any(
        "settings" in what
        for what in findings(elasticsearch_proxy, key, index, keep_settings=False)
    )
    wide = security.add_key(bodies({"hosts": ["https://x:1"]}, index)["run"])
    found = findings(elasticsearch_proxy, wide, index, keep_settings=False)
    (finding,) = [one for what, one in found.items() if "may change thresholds" in what]
    assert not finding.fatal
    assert not any("thresholds" in what for what in findings(elasticsearch_proxy, wide, index))


def test_a_key_that_ends_soon_is_named(
    security: Security, elasticsearch_proxy: Proxy, index: str
) -> None:
    given = {"hosts": ["https://x:1"]}
    soon = {**bodies(given, index)["run"], "expiration": "3d"}
    late = {**bodies(given, index)["run"], "expiration": "90d"}
    found = findings(elasticsearch_proxy, security.add_key(soon), index)
    assert any("'scoreback-run-prod' expires on" in what for what in found)
    found = findings(elasticsearch_proxy, security.add_key(late), index)
    assert not any("expires on" in what for what in found)


def test_a_cluster_without_security_is_named(elastic: ElasticConnector, index: str) -> None:
    query = EventQuery(selection={"index": index}, fields=())
    (finding,) = elastic.check(query)
    assert "the cluster has no security" in finding.what
    assert not finding.fatal


def test_a_call_that_no_key_may_make_stops_a_test(applied: ElasticConnector) -> None:
    names = Names(applied.given.namespace)
    for method, path in (
        ("DELETE", f"/{names.alerts}"),
        ("PUT", f"/_index_template/{names.scores}"),
        ("POST", f"/{names.events_lookup}/_refresh"),
        ("DELETE", f"/{names.verdicts}/_doc/1"),
        ("DELETE", "/logs-events/_doc/1"),
    ):
        with pytest.raises(AssertionError, match="no key of ours has"):
            applied.client.call(method, path, {})
    with pytest.raises(Unknown):
        applied.client.call("POST", "/_reindex", {})


def test_a_call_that_nobody_wrote_down_is_noticed() -> None:
    with pytest.raises(Unknown, match="POST /_reindex"):
        needs("POST", "/_reindex", b"{}")
    assert needs("PUT", "/a/_doc/1?op_type=create&refresh=true") == {
        Need("a", "create_doc"), Need("a", "maintenance"),
    }  # fmt: skip
    run = role(bodies({"hosts": ["https://x:1"]}, "logs-a-*")["run"])
    assert has(run, Need("logs-a-1", "read"))
    assert not has(run, Need("logs-b-1", "read"))
    assert not has(run, Need("logs-a-1", "index"))
    assert has(role(bodies({"hosts": ["https://x:1"]}, "logs-a-*", in_place=True)["run"]),
               Need("logs-a-1", "index"))  # fmt: skip


DETECTOR = """
name: triage
events: {elastic: {index: [logs-a-*, "eu:logs-b-*"]}}
entity: host.name
labels: {verdicts: {join: event}}
features: [number: network.bytes]
alerts: {budget: 20/day}
"""


@pytest.fixture
def command(
    tmp_path: Path, elasticsearch_proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Runs `scoreback keys` in a workspace whose connection has no key yet."""
    home = tmp_path / "home"
    (home / "connections").mkdir(parents=True)
    connection = home / "connections" / "prod.yml"
    connection.write_text(f"connector: elastic\nhosts: [{elasticsearch_proxy.url}]\n")
    (tmp_path / "triage.yml").write_text(DETECTOR)
    monkeypatch.setenv("SCOREBACK_CONNECTION", "prod")
    monkeypatch.setenv(VARIABLE, PASSWORD)

    def run(*arguments: str) -> str:
        given = ["keys", str(tmp_path / "triage.yml"), "--home", str(home), *arguments]
        result = CliRunner().invoke(commands, given)
        if result.exception is not None:
            raise result.exception
        return result.output

    return run


def test_keys_are_printed_as_requests_that_dev_tools_takes(command: Callable[..., str]) -> None:
    said = command("--elastic")
    requests = [part.split("\n", 1) for part in said.split("POST ")[1:]]
    assert [path for path, _ in requests] == ["/_security/api_key"] * 2
    install, run = (json.loads(body.split("\n#")[0]) for _, body in requests)
    assert install["expiration"] == "1d"
    assert "expiration" not in run
    assert role(run)["indices"][0]["names"] == ["logs-a-*"]
    assert role(run)["remote_indices"][0]["clusters"] == ["eu"]
    printed = json.loads(command("--elastic", "--json", "--expires", "90d"))
    assert [one["body"]["name"] for one in printed] == [
        "scoreback-install-prod", "scoreback-run-prod",
    ]  # fmt: skip
    assert printed[1]["body"]["expiration"] == "90d"


def test_an_admin_makes_keys_into_files_of_their_owner_and_none_is_shown(
    command: Callable[..., str], security: Security, tmp_path: Path
) -> None:
    said = command("--elastic", "--create", "--admin", USER)
    files = sorted((tmp_path / "home" / "keys").iterdir())
    assert [file.name for file in files] == ["prod-install.key", "prod-run.key"]
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_text().strip() in {key.encoded for key in security.keys.values()}
        assert file.read_text().strip() not in said
    assert PASSWORD not in said
    with pytest.raises(ScorebackError, match="is there already"):
        command("--elastic", "--create", "--admin", USER)
    assert len(security.keys) == 2


def test_a_key_that_may_not_be_made_leaves_no_file(
    command: Callable[..., str],
    security: Security,  # noqa: ARG001 - asks for credentials
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, "not-the-password")
    with pytest.raises(SiemRefused) as caught:
        command("--elastic", "--create", "--admin", USER)
    assert "not-the-password" not in caught.value.message + caught.value.hint
    assert list((tmp_path / "home" / "keys").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "no kind of key"),
        (("--elastic", "--create"), "needs a user who may create keys"),
        (("--elastic", "--expires", "soon"), "'soon' is not a valid lifetime"),
    ],
)
def test_wrong_usage_of_keys_says_what_to_do(
    arguments: tuple[str, ...], words: str, command: Callable[..., str]
) -> None:
    with pytest.raises(ScorebackError, match=words) as caught:
        command(*arguments)
    assert caught.value.hint
