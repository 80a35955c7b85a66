"""Whom a connection trusts, through what it goes, and that it keeps its secrets to itself."""

import base64
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.connectors.elastic.wire.transport import connect
from scoreback.errors import ConfigError, SiemRefused, SiemUnavailable
from tests.unit.connectors.elastic.wire.tls import INFO, Certificate, answering, certificate
from tests.unit.connectors.elastic.wire.tunnel import tunnel

SECRET = "s3cr3t-that-nobody-may-see"  # noqa: S105 - of no server


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "PASSWORD", "HOSTS"):
        monkeypatch.delenv(f"SCOREBACK_ELASTIC_{name}", raising=False)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("tls"))


def opened(**settings: object) -> ElasticConnector:
    connector = ElasticConnector.open("tls", {"attempts": 2, **settings}, sleep=lambda _: None)
    connector.close_connection()
    return connector


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(ours: Certificate) -> None:
    with answering(ours) as server, pytest.raises(ConfigError, match="not trusted") as caught:
        opened(hosts=[server.url])
    assert "ca_file" in caught.value.hint
    assert server.requests == []  # nothing was sent, no secret either


@pytest.mark.parametrize("proxied", [False, True])
@pytest.mark.parametrize(
    "trust",
    [
        lambda c: {"ca_file": str(c.file)},
        lambda c: {"fingerprint": c.fingerprint},
        lambda _: {"verify_tls": False},
    ],
)
def test_a_certificate_is_trusted_by_its_authority_its_fingerprint_or_by_order(
    trust: Callable[[Certificate], dict[str, object]], proxied: bool, ours: Certificate
) -> None:
    with answering(ours) as server, tunnel() as (proxy, asked):
        more: dict[str, object] = {"proxy": proxy} if proxied else {}
        assert opened(hosts=[server.url], **trust(ours), **more).client.version == "9.2.2"
        assert len(server.requests) == 1
        where = server.url.removeprefix("https://")
        assert [line.split()[:2] for line in asked] == ([["CONNECT", where]] if proxied else [])


def test_another_fingerprint_or_authority_is_not_trusted(ours: Certificate, tmp_path: Path) -> None:
    other = certificate(tmp_path)
    for trust in ({"fingerprint": other.fingerprint}, {"ca_file": str(other.file)}):
        with answering(ours) as server, pytest.raises(ConfigError, match="not trusted"):
            opened(hosts=[server.url], **trust)


def test_a_server_that_dies_in_the_handshake_is_unavailable_and_not_distrusted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)

        def die() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                connection.recv(100)
                connection.close()

        thread = Thread(target=die)
        thread.start()
        with pytest.raises(SiemUnavailable):
            opened(hosts=[f"https://127.0.0.1:{listener.getsockname()[1]}"])
        thread.join()


def test_the_environments_proxy_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with answering() as server:
        assert opened(hosts=[server.url]).client.version == "9.2.2"


@pytest.mark.parametrize(
    "given",
    [
        {"api_key": SECRET},
        {"user": "elastic", "password": SECRET},
        {"api_key_file": "FILE"},
        {"user": "elastic", "password_file": "FILE"},
        {"proxy": f"http://me:{SECRET}@127.0.0.1:1"},
    ],
)
@pytest.mark.parametrize("echoed", [False, True])
@pytest.mark.parametrize("status", [200, 401, 503])
def test_no_secret_is_logged_shown_or_told(
    given: dict[str, object],
    status: int,
    echoed: bool,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    """Not even where a server repeats in its refusal what it was sent."""
    caplog.set_level(logging.DEBUG)
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    file.chmod(0o600)
    settings = {k: str(file) if v == "FILE" else v for k, v in given.items()}
    basic = base64.b64encode(f"elastic:{SECRET}".encode()).decode()
    sent = basic if "user" in given else SECRET
    echo = f"you sent {sent}" if echoed else "denied"
    answer = {**INFO, "error": {"type": "denied", "reason": echo}}
    with answering(None, status, answer) as server:
        said = told(hosts=[server.url], **settings)
        assert "proxy" in settings or "authorization" in server.requests[0]
    for hidden in (SECRET, basic):
        assert hidden not in said
        # Bodies of answers are logged by the client's own library, at DEBUG.
        assert echoed or hidden not in caplog.text


def told(**settings: object) -> str:
    """All that a connection, or the failure to make one, shows of itself."""
    try:
        connector = opened(**settings)
    except (SiemRefused, SiemUnavailable) as error:
        return f"{error} {error!r} {error.hint} {error.args}"
    client = connector.client
    return f"{connector!r} {connector.settings!r} {connector.settings} {client!r}"


@pytest.mark.parametrize(
    "key", ["", " ", "a\nb", "a b", "schlüssel", f"{SECRET}\x00", f"{SECRET}\r\nX-Other: 1"]
)
def test_a_secret_that_no_header_can_carry_is_refused_and_not_shown(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "\0" not in key:
        monkeypatch.setenv("SCOREBACK_ELASTIC_API_KEY", key)
    given = {"api_key": key} if "\0" in key else {}
    with pytest.raises(ConfigError) as caught:
        opened(hosts=["http://127.0.0.1:9"], **given)
    assert SECRET not in repr(caught.value) + str(caught.getrepr(chain=True))


def test_a_password_may_hold_any_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCOREBACK_ELASTIC_PASSWORD", "pässword with: spaces\n")
    with answering() as server:
        opened(hosts=[server.url], user="me")
    expected = base64.b64encode("me:pässword with: spaces".encode()).decode()
    assert server.requests[0]["authorization"] == f"Basic {expected}"


@pytest.mark.parametrize(
    "settings",
    [
        {"hosts": ["127.0.0.1:9200"]},
        {"hosts": ["http://127.0.0.1:99999"]},
        {"hosts": ["http://[::1"]},
        {"hosts": [f"https://me:{SECRET}@127.0.0.1:9200"]},
        {"hosts": []},
        {"hosts": "http://127.0.0.1:9200"},
        {"cloud_id": "no-such-cloud-id"},
        {"hosts": ["https://127.0.0.1:1"], "cloud_id": "a:b"},
        {"hosts": ["https://127.0.0.1:1"], "ca_file": "/no/such/file"},
        {"hosts": ["https://127.0.0.1:1"], "ca_file": __file__},
        {"hosts": ["https://127.0.0.1:1"], "fingerprint": "abc"},
        {"hosts": ["http://127.0.0.1:1"], "api_key": SECRET, "user": "me", "password": SECRET},
        {"hosts": ["http://127.0.0.1:1"], "api_key_file": "/no/such/file"},
        {"hosts": ["http://127.0.0.1:1"], "dead_letters": "folder"},
        {"hosts": ["http://127.0.0.1:1"], "retention": "for ever"},
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as caught:
        opened(**settings)
    assert SECRET not in repr(caught.value) + caught.value.hint


def test_a_list_in_the_environment_that_is_not_json_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SCOREBACK_ELASTIC_HOSTS", f"http://{SECRET}")
    with pytest.raises(ConfigError, match="hosts") as caught:
        opened()
    assert SECRET not in str(caught.getrepr(chain=True))


def test_a_cloud_id_names_the_deployment() -> None:
    cloud = base64.b64encode(b"region.example.com$abc$def").decode()
    settings = ElasticSettings.of("cloud", {"cloud_id": f"name:{cloud}", "api_key": SECRET})
    client = connect(settings)
    [node] = client.transport.node_pool.all()
    assert (node.scheme, node.host) == ("https", "abc.region.example.com")
    client.close()


def test_a_file_of_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(SECRET)
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="is readable by others") as caught:
        opened(hosts=["http://127.0.0.1:9"], api_key_file=str(file))
    assert SECRET not in repr(caught.value)
