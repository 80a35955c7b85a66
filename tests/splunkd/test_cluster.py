"""Three search heads: what is saved on one is known to the others a little later."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.elasticsearch.node import in_ci
from tests.splunkd.certificate import NoOpenSSL, make
from tests.splunkd.fixtures import APP
from tests.splunkd.remote import child
from tests.splunkd.serving import running
from tests.splunkd.simulator import Options, Simulator

NOW = 1700000100.0
ADMIN = ("admin", "changed!")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A cluster with our app."""
    options = Options(apps=(APP,), search_head_cluster=True, replication_delay=5, now=NOW)
    with running(options) as made:
        yield made


def get(simulator: Simulator, member: int, path: str) -> requests.Response:
    """What a member says."""
    address = f"{simulator.members[member].url}/servicesNS/nobody/scoreback/{path}"
    return requests.get(address, {"output_mode": "json"}, auth=ADMIN, timeout=10)


def post(simulator: Simulator, member: int, path: str, **given: object) -> requests.Response:
    """What a member says to a form, or to JSON."""
    address = f"{simulator.members[member].url}/servicesNS/nobody/scoreback/{path}"
    return requests.post(address, auth=ADMIN, timeout=10, **given)  # type: ignore[arg-type]


def test_a_saved_search_reaches_the_others(simulator: Simulator) -> None:
    made = post(simulator, 0, "saved/searches", data={"name": "R", "search": "search index=main"})
    assert made.status_code == 201
    assert get(simulator, 0, "saved/searches/R").status_code == 200
    assert get(simulator, 1, "saved/searches/R").status_code == 404
    simulator.clock.advance(5)
    assert get(simulator, 1, "saved/searches/R").status_code == 200
    assert get(simulator, 2, "saved/searches/R").status_code == 200


def test_documents_and_settings_of_the_app_reach_the_others(simulator: Simulator) -> None:
    data = "storage/collections/data/scoreback_in_force"
    assert post(simulator, 2, data, json={"_key": "d", "threshold": 0.5}).status_code == 201
    post(simulator, 2, "configs/conf-scoreback_detectors", data={"name": "d", "enabled": "0"})
    post(simulator, 2, "configs/conf-ours_alone", data={"name": "d", "enabled": "0"})
    assert get(simulator, 0, f"{data}/d").status_code == 404
    simulator.clock.advance(5)
    assert get(simulator, 0, f"{data}/d").json()["threshold"] == 0.5
    assert get(simulator, 0, "configs/conf-scoreback_detectors/d").status_code == 200
    assert get(simulator, 0, "configs/conf-ours_alone/d").status_code == 404


def test_scheduled_searches_go_on_under_another_captain(simulator: Simulator) -> None:
    given = {"name": "R", "search": "search index=main", "cron_schedule": "*/5 * * * *",
             "is_scheduled": "1"}  # fmt: skip
    post(simulator, 1, "saved/searches", data=given)
    assert [run.scheduled for run in simulator.run_until(NOW + 600)] == [NOW + 300, NOW + 600]
    simulator.members[0].down = True
    simulator.cluster.elect(2)
    assert [run.scheduled for run in simulator.run_until(NOW + 900)] == [NOW + 900]
    with pytest.raises(requests.ConnectionError):
        get(simulator, 0, "saved/searches/R")
    address = f"{simulator.members[1].url}/services/shcluster/captain/info"
    said = requests.get(address, {"output_mode": "json"}, auth=ADMIN, timeout=10).json()
    assert said["entry"][0]["content"]["label"] == "sh3"


def test_a_session_is_its_members_alone_and_a_token_everybodys(simulator: Simulator) -> None:
    first, second = simulator.members[:2]
    context = "/services/authentication/current-context"
    session = {"Authorization": f"Splunk {first.accounts.session_of('admin')}"}
    assert requests.get(first.url + context, headers=session, timeout=10).status_code == 200
    assert requests.get(second.url + context, headers=session, timeout=10).status_code == 401
    token = {"Authorization": f"Bearer {first.accounts.issue_token('admin')[0]}"}
    assert requests.get(second.url + context, headers=token, timeout=10).status_code == 200


def test_one_search_head_is_no_cluster(splunkd: Simulator) -> None:
    address = f"{splunkd.url}/services/shcluster/captain/info"
    assert requests.get(address, auth=ADMIN, timeout=10).status_code == 503


def test_a_child_is_steered_from_outside_and_speaks_tls(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text('{"event": {"a": 1}, "time": 1}\n{"a": 2}\n')
    with child("--data", str(tmp_path / "data.jsonl"), "--now", "1700000000") as remote:
        assert remote.now() == 1700000000
        remote.add_events([{"raw": {"a": 3}}])
        assert remote.advance(60) == 1700000060
        address = f"{remote.url}/services/search/v2/jobs/export"
        asked = {"search": "search index=main | stats sum(a) AS a", "output_mode": "json",
                 "preview": "0"}  # fmt: skip
        said = requests.post(address, asked, auth=ADMIN, timeout=10).json()
        assert said == {"preview": False, "offset": 0, "lastrow": True, "result": {"a": "6"}}
        remote.fault("refuse", status=429, retry_after=3, times=1)
        refused = requests.post(address, asked, auth=ADMIN, timeout=10)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3")


def test_tls_is_trusted_by_who_has_its_certificate(tmp_path: Path) -> None:
    try:
        shown = make(tmp_path)
    except NoOpenSSL as missing:
        (pytest.fail if in_ci() else pytest.skip)(str(missing))
    with running(certificate=shown) as simulator:
        address = f"{simulator.url}/services/server/info"
        assert address.startswith("https:")
        trusted = requests.get(address, auth=ADMIN, timeout=10, verify=str(shown.certificate))
        assert trusted.status_code == 200
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(address, auth=ADMIN, timeout=10)
