"""A Splunk that is away, busy, half answering or strange: nothing is lost, nothing is read twice.

All of it over the simulator and its faults; no real Splunk has confirmed any of it.
"""

import logging
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from scoreback.connectors.contract.data import START
from scoreback.connectors.splunk import SplunkConnector
from scoreback.connectors.splunk.reading import pieces
from scoreback.connectors.splunk.wire.export import search
from scoreback.connectors.splunk.wire.kvstore import KvStore
from scoreback.errors import ConfigError, SiemRefused, SiemUnavailable
from scoreback.records import EventQuery, TimeWindow
from tests.integration.splunk_events import SELECTION, fill, ids
from tests.splunkd.connection import PASSWORD, connected, simulated
from tests.splunkd.hec import Token
from tests.splunkd.serving import Certificate
from tests.splunkd.simulator import Simulator
from tests.unit.connectors.elastic.wire.tls import certificate

EXPORT = "*/jobs/export"
SHORT = {"since": START, "until": START + timedelta(minutes=5)}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulated(delay=0) as found:
        yield found


@pytest.fixture
def naps() -> list[float]:
    return []


@pytest.fixture
def splunk(simulator: Simulator, naps: list[float]) -> Iterator[SplunkConnector]:
    with connected(simulator, sleep=naps.append, attempts=4) as found:
        yield found


@pytest.fixture
def names(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Events for several pieces."""
    monkeypatch.setattr(pieces, "CHUNK_ROWS", 40)
    return fill(simulator, 200, every=60)


def test_a_session_that_ran_out_is_made_anew_once(
    simulator: Simulator, splunk: SplunkConnector, names: list[str], naps: list[float]
) -> None:
    simulator.faults.add("expire_sessions", path=EXPORT, times=1)
    simulator.faults.add("expire_sessions", path=EXPORT, times=1, after=3)
    assert ids(splunk) == names
    assert naps == []


def test_a_password_that_is_wrong_is_told_without_being_shown(simulator: Simulator) -> None:
    with (
        pytest.raises(SiemRefused, match="does not accept the password of 'admin'") as refused,
        connected(simulator, password="wr0ng-secret"),  # noqa: S106 - of nobody
    ):
        pass
    assert "wr0ng" not in refused.value.message + refused.value.hint


def test_a_token_is_taken_in_place_of_a_user(simulator: Simulator, names: list[str]) -> None:
    token, _ = simulator.head.accounts.issue_token("admin")
    with connected(simulator, user=None, password=None, token=token) as splunk:
        assert ids(splunk) == names
        simulator.faults.add("refuse", status=401, path=EXPORT)
        with pytest.raises(SiemRefused, match="does not accept the token"):
            ids(splunk)


@pytest.mark.parametrize(
    ("status", "said"), [(403, "capability"), (404, "app"), (409, "exists already")]
)
def test_what_splunk_refuses_is_told_with_a_remedy_and_not_tried_again(
    simulator: Simulator, splunk: SplunkConnector, naps: list[float], status: int, said: str
) -> None:
    simulator.faults.add("refuse", status=status, text="no such luck", path=EXPORT)
    with pytest.raises(SiemRefused, match=f"refused with {status}: no such luck") as refused:
        ids(splunk, **SHORT)
    assert said in refused.value.hint
    assert naps == []


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_server_without_room_is_asked_again_later(
    simulator: Simulator, splunk: SplunkConnector, names: list[str], naps: list[float], status: int
) -> None:
    simulator.faults.add("refuse", status=status, path=EXPORT, times=2, after=2)
    assert ids(splunk) == names
    assert len(naps) == 2


def test_a_server_is_waited_for_as_long_as_it_asks(
    simulator: Simulator, splunk: SplunkConnector, names: list[str], naps: list[float]
) -> None:
    simulator.faults.add("refuse", status=503, retry_after=17, path=EXPORT, times=1, after=1)
    assert ids(splunk) == names
    assert naps == [17.0]


def test_a_server_without_room_for_ever_is_unavailable(
    simulator: Simulator, splunk: SplunkConnector, names: list[str], naps: list[float]
) -> None:
    del names
    simulator.faults.add("search_quota", path=EXPORT)
    with pytest.raises(SiemUnavailable, match="maximum number of concurrent") as busy:
        ids(splunk)
    assert "nothing is lost" in busy.value.hint
    assert len(naps) == 3
    assert naps == sorted(naps)  # longer each time


@pytest.mark.parametrize("abruptly", [True, False])
@pytest.mark.parametrize("after", [0, 1, 2, 4])
def test_an_export_that_is_cut_off_is_read_again(
    simulator: Simulator, splunk: SplunkConnector, names: list[str], after: int, abruptly: bool
) -> None:
    simulator.faults.add(
        "truncate_export", path=EXPORT, rows=11, abruptly=abruptly, times=2, after=after
    )
    assert ids(splunk) == names


def test_an_export_that_repeats_rows_gives_each_event_once(
    simulator: Simulator, splunk: SplunkConnector, names: list[str]
) -> None:
    simulator.faults.add("duplicate_rows", path=EXPORT, every=3)
    assert ids(splunk) == names


def test_an_export_that_repeats_rows_and_is_cut_off_is_not_taken_for_whole(
    simulator: Simulator, splunk: SplunkConnector, names: list[str]
) -> None:
    simulator.faults.add("duplicate_rows", path=EXPORT, every=1, after=1, times=2)
    simulator.faults.add("truncate_export", path=EXPORT, rows=50, abruptly=False, times=2, after=1)
    assert ids(splunk) == names


@pytest.mark.parametrize("after", [0, 1, 3])
def test_an_empty_answer_is_no_answer(
    simulator: Simulator, splunk: SplunkConnector, names: list[str], after: int
) -> None:
    simulator.faults.add("empty_export", path=EXPORT, times=2, after=after)
    assert ids(splunk) == names


def test_empty_answers_for_ever_are_unavailable_and_not_an_empty_window(
    simulator: Simulator, splunk: SplunkConnector, names: list[str]
) -> None:
    del names
    simulator.faults.add("empty_export", path=EXPORT)
    for window in ({}, SHORT):
        with pytest.raises(SiemUnavailable):
            ids(splunk, **window)


def test_a_window_without_events_is_told_from_no_answer(splunk: SplunkConnector) -> None:
    assert ids(splunk) == []
    assert ids(splunk, **SHORT) == []


@pytest.mark.parametrize(
    ("kind", "text", "error"),
    [
        ("FATAL", "Error in 'search' command: bad", SiemRefused),
        ("ERROR", "The search process was terminated", SiemUnavailable),
        ("WARN", "Search results might be incomplete: a peer is away", SiemUnavailable),
    ],
)
def test_a_message_among_the_rows_is_heard(
    simulator: Simulator, splunk: SplunkConnector, names: list[str], kind: str, text: str,
    error: type[Exception],
) -> None:  # fmt: skip
    del names
    simulator.faults.add("export_message", path=EXPORT, severity=kind, text=text)
    with pytest.raises(error, match=text[:20]):
        ids(splunk)


def test_a_message_that_only_informs_changes_nothing(
    simulator: Simulator, splunk: SplunkConnector, names: list[str]
) -> None:
    simulator.faults.add("export_message", path=EXPORT, severity="WARN", text="Slow today.")
    assert ids(splunk) == names


def test_what_was_given_stands_when_the_rest_does_not_come(
    simulator: Simulator, splunk: SplunkConnector, names: list[str]
) -> None:
    simulator.faults.add("disconnect", path=EXPORT, after=3)
    got: list[str] = []

    query = EventQuery(selection=SELECTION, fields=())
    window = TimeWindow(since=START, until=START + timedelta(days=1))
    (piece,) = splunk.events.slices(query, window)
    read = splunk.events.read(piece)
    with pytest.raises(SiemUnavailable, match="no connection"):
        got += (name for batch in read for name in batch.batch.column("event_id").to_pylist())
    assert got == names[: len(got)] != []


def test_a_search_that_splunk_does_not_know_is_refused(splunk: SplunkConnector) -> None:
    with pytest.raises(SiemRefused, match="Unknown search command 'nosuch'"):
        search(splunk.client, "search index=ids | nosuch")


def test_an_index_that_is_missing_is_found_so(simulator: Simulator) -> None:
    simulator.remove_index("scoreback")
    with connected(simulator) as splunk:
        found = splunk.check(EventQuery(selection={"search": "index=ids"}, fields=()))
        assert any("index scoreback does not exist" in one.what and one.fatal for one in found)


def test_a_splunk_that_is_away_is_unavailable(naps: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    given = {"url": f"http://127.0.0.1:{port}", "token": "t", "attempts": 3}
    with pytest.raises(SiemUnavailable, match="no connection") as away:
        SplunkConnector.open("away", given, sleep=naps.append)
    assert str(port) in away.value.hint
    assert len(naps) == 2


def test_another_product_than_splunk_is_told(simulator: Simulator) -> None:
    given = {"url": simulator.hec_url, "token": "t", "attempts": 1}
    with pytest.raises(SiemRefused):
        SplunkConnector.open("other", given)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    made = certificate(tmp_path_factory.mktemp("tls"))
    return Certificate(made.file, made.key)


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(ours: Certificate) -> None:
    with simulated(delay=0, certificate=ours) as simulator:
        with pytest.raises(ConfigError, match="is not trusted") as untrusted, connected(simulator):
            pass
        assert "ca_file" in untrusted.value.hint
        with connected(simulator, ca_file=str(ours.certificate)) as splunk:
            names = fill(simulator, 3)
            assert ids(splunk) == names
            assert splunk.hec.refusal() == ""
        with connected(simulator, verify_tls=False) as splunk:
            assert ids(splunk) == names


def test_a_certificate_for_another_host_is_not_trusted(ours: Certificate) -> None:
    with simulated(delay=0, certificate=ours) as simulator:
        elsewhere = simulator.url.replace("127.0.0.1", "localhost")
        with (
            pytest.raises(ConfigError, match="is not trusted"),
            connected(simulator, url=elsewhere, ca_file=str(ours.certificate)),
        ):
            pass


def test_no_secret_is_in_a_log(
    simulator: Simulator, names: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), connected(simulator) as splunk:
        assert ids(splunk) == names
        splunk.hec.refusal()
    told = "\n".join(record.getMessage() for record in caplog.records)
    assert PASSWORD not in told
    assert "5c0eb4c0" not in told


def test_a_netrc_of_the_machine_has_no_say(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".netrc"
    file.write_text("machine 127.0.0.1 login nobody password wrong\n", encoding="ascii")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with connected(simulator) as splunk:
        assert ids(splunk) == []


def test_a_kv_store_that_is_off_is_unavailable_and_told(
    simulator: Simulator, splunk: SplunkConnector
) -> None:
    simulator.faults.add("kv_off")
    with pytest.raises(SiemUnavailable) as off:
        KvStore(splunk.client).save("scoreback_events", [{"_key": "a"}])
    assert "KV store" in off.value.hint
    found = splunk.check(EventQuery(selection={"search": "index=ids"}, fields=()))
    assert any("the KV store is failed" in one.what for one in found)


def test_batches_that_are_over_the_limits_are_halved(
    simulator: Simulator, splunk: SplunkConnector
) -> None:
    store = KvStore(splunk.client)
    simulator.faults.add("kv_over_limit", times=3)
    store.save("scoreback_events", [{"_key": f"k{n}", "n": n} for n in range(2_500)])
    rows = list(store.rows("scoreback_events"))
    assert sorted(row["n"] for row in rows) == list(range(2_500))
    simulator.faults.add("kv_over_limit")
    with pytest.raises(SiemRefused, match="exceeds API limits"):
        store.save("scoreback_events", [{"_key": "a"}, {"_key": "b"}])


def test_a_lower_limit_of_the_server_is_kept(splunk: SplunkConnector) -> None:
    for key, value in (("max_documents_per_batch_save", 30), ("max_rows_per_query", 20)):
        path = "/servicesNS/nobody/system/configs/conf-limits/kvstore"
        splunk.client.call("POST", path, form={key: value})
    store = KvStore(splunk.client)
    store.save("scoreback_events", [{"_key": f"k{n}", "n": n} for n in range(100)])
    assert len(list(store.rows("scoreback_events"))) == 100


def test_a_collector_that_says_no_is_found_so(simulator: Simulator) -> None:
    off = simulator.hec.add_token(Token("off", disabled=True))
    acks = simulator.hec.add_token(Token("acks", acknowledges=True))
    for given, said in (
        ({"hec_token": "no-such-token"}, "Invalid token"),
        ({"hec_token": off.token}, "Token disabled"),
        ({"hec_token": acks.token}, "Data channel is missing"),
        ({"acknowledge": True}, "ACK is disabled"),
        ({"hec_token": acks.token, "acknowledge": True}, ""),
        ({}, ""),
    ):
        with connected(simulator, **given) as splunk:
            found = splunk.hec.refusal()
            assert said in found, found
            assert bool(said) == bool(found)
