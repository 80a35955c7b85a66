"""Splunk's own SDK speaks with the simulator."""

import json
from urllib.parse import urlsplit

import pytest
import requests
from splunklib import client, results
from splunklib.binding import AuthenticationError, HTTPError

from tests.splunkd.simulator import HEC_TOKEN, Simulator


def connected(simulator: Simulator, **given: object) -> client.Service:
    """The SDK's service, logged in."""
    where = urlsplit(simulator.url)
    login = {"username": "admin", "password": "changed!", "owner": "nobody", "app": "search"}
    return client.connect(scheme="http", host=where.hostname, port=where.port, **(login | given))


def exported(service: client.Service, search: str, **given: object) -> list[dict[str, object]]:
    """The rows of an export."""
    stream = service.jobs.export(search, output_mode="json", preview=False, **given)
    return [row for row in results.JSONResultsReader(stream) if isinstance(row, dict)]


def test_a_wrong_password_is_refused(splunkd: Simulator) -> None:
    with pytest.raises(AuthenticationError):
        connected(splunkd, password="wrong")  # noqa: S106


def test_what_the_collector_took_is_found(splunkd: Simulator) -> None:
    event = {"user": 'a|b"c', "n": {"k": [1, 2]}, "x": 1.5}
    answer = requests.post(
        f"{splunkd.hec_url}/services/collector/event",
        headers={"Authorization": f"Splunk {HEC_TOKEN}"},
        data=json.dumps({"event": event, "index": "main", "time": 1700000000.123456}),
        timeout=10,
    )
    assert answer.json() == {"text": "Success", "code": 0}
    search = r'search index=main user="a|b\"c" | eval t=_time | fields user n.k{} x t | fields - _*'
    assert exported(connected(splunkd), search) == [
        {"user": 'a|b"c', "n.k{}": ["1", "2"], "x": "1.5", "t": "1700000000.123456"}
    ]


def test_an_unknown_command_is_refused_by_its_name(splunkd: Simulator) -> None:
    with pytest.raises(HTTPError) as refused:
        exported(connected(splunkd), "search index=main | nosuchcmd")
    assert refused.value.status == 400
    said = json.loads(refused.value.body)["messages"]
    assert said == [{"type": "FATAL", "text": "Unknown search command 'nosuchcmd'."}]


def test_saved_searches_are_made_changed_and_removed(splunkd: Simulator) -> None:
    saved = connected(splunkd).saved_searches
    made = saved.create("Scoreback - a + c - Rule", "search index=main", cron_schedule="* * * * *")
    assert made.content["cron_schedule"] == "* * * * *"
    made.update(cron_schedule="*/5 * * * *").refresh()
    assert made.content["cron_schedule"] == "*/5 * * * *"
    assert made.name in saved
    made.delete()
    assert made.name not in saved


def test_the_kv_store_keeps_types_and_finds(splunkd: Simulator) -> None:
    collections = connected(splunkd).kvstore
    collections.create("people", fields={"age": "number"})
    data = collections["people"].data
    data.insert(json.dumps({"_key": "a", "age": "39", "name": "A"}))
    data.batch_save({"_key": "b", "age": 12, "name": "B"}, {"_key": "c", "age": 50, "name": "C"})
    found = data.query(query=json.dumps({"age": {"$gt": 20}}), sort="age:-1", fields="name,age")
    assert found == [
        {"age": 50, "name": "C", "_key": "c"},
        {"_key": "a", "age": 39, "name": "A"},
    ]


def test_a_job_gives_its_rows(splunkd: Simulator) -> None:
    splunkd.add_events({"raw": {"a": n % 3}, "time": 1000 + n} for n in range(30))
    job = connected(splunkd).jobs.create("search index=main | stats count BY a")
    assert job.is_done()
    rows = list(results.JSONResultsReader(job.results(output_mode="json")))
    assert rows == [{"a": str(n), "count": "10"} for n in range(3)]
