"""The node itself, as other tests rely on it."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch, NotFoundError

from tests.elasticsearch.fixtures import asked, remove
from tests.elasticsearch.node import ADDRESS, NodeFailed, running

# Asked for by all, so that a machine without what a node needs skips all.
pytestmark = [pytest.mark.server, pytest.mark.usefixtures("elasticsearch_url")]
SCRIPT = Path(__file__).parent / "node.py"


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_two_nodes_run_side_by_side_and_each_is_stopped_by_its_process_id(
    elasticsearch_url: str,
) -> None:
    with running(heap="256m") as second:
        assert second.url != elasticsearch_url
        uuids = {
            asked(url, "GET", "/")[1]["cluster_uuid"] for url in (elasticsearch_url, second.url)
        }
        assert len(uuids) == 2
        assert alive(second.pid)
        folder = second.log.parent
    assert not alive(second.pid)
    assert not folder.exists()


def test_the_official_client_accepts_the_node(elasticsearch_url: str) -> None:
    with Elasticsearch(elasticsearch_url) as client:
        assert client.info()["version"]["number"].startswith("9.")


def test_a_node_that_ends_at_start_says_why() -> None:
    with (
        pytest.raises(NodeFailed, match=r"(?s)ended with status 1.*no\.such\.setting"),
        running(heap="256m", settings={"no.such.setting": "1"}),
    ):
        pass


def test_a_command_runs_beside_a_node_and_its_exit_code_is_ours() -> None:
    asks = (
        "import os, sys, urllib.request; "
        f"print(urllib.request.urlopen(os.environ['{ADDRESS}']).status); "
        f"print(os.environ['{ADDRESS}']); sys.exit(7)"
    )
    command = [sys.executable, str(SCRIPT), "--heap", "256m", "--", sys.executable, "-c", asks]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 7, done.stderr
    status, address = done.stdout.split()
    assert status == "200"
    with pytest.raises(ConnectionRefusedError):
        asked(address, "GET", "/")


def test_a_node_does_not_outlive_what_started_it_even_if_that_is_killed() -> None:
    command = [sys.executable, str(SCRIPT), "--heap", "256m"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout
        said = re.match(r"(http://\S+) \(process (\d+)\)", starter.stdout.readline())
        assert said
        arguments = Path(f"/proc/{said[2]}/cmdline").read_text().split("\0")
        folders = [Path(one) for one in arguments if one.startswith("/")]
        folder = next(one for one in folders if one.name.startswith("scoreback-node-"))
        assert folder.exists()
        starter.kill()
    deadline = time.monotonic() + 60
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not folder.exists()
    with pytest.raises(ConnectionRefusedError):
        asked(said[1], "GET", "/")


def test_what_a_test_made_is_removed_by_its_prefix(
    elasticsearch_url: str, fresh_prefix: str
) -> None:
    with Elasticsearch(elasticsearch_url) as client:
        client.indices.create(index=f"{fresh_prefix}-one", settings={"number_of_replicas": 0})
        client.cluster.put_component_template(name=f"{fresh_prefix}-part", template={})
        client.indices.put_index_template(
            name=f"{fresh_prefix}-whole",
            index_patterns=[f"{fresh_prefix}-stream"],
            composed_of=[f"{fresh_prefix}-part"],
            data_stream={},
        )
        event = {"@timestamp": "2026-03-01T00:00:00Z"}
        client.index(index=f"{fresh_prefix}-stream", op_type="create", document=event)
        client.indices.rollover(alias=f"{fresh_prefix}-stream")
        remove(elasticsearch_url, fresh_prefix)
        assert not client.indices.get(index=f"*{fresh_prefix}*", expand_wildcards="all")
        assert not client.indices.exists_index_template(name=f"{fresh_prefix}-whole")
        assert not client.cluster.exists_component_template(name=f"{fresh_prefix}-part")


def test_a_data_stream_that_is_not_there_cannot_be_removed(
    elasticsearch_url: str, fresh_prefix: str
) -> None:
    with Elasticsearch(elasticsearch_url) as client, pytest.raises(NotFoundError):
        client.indices.delete_data_stream(name=f"{fresh_prefix}-none")
