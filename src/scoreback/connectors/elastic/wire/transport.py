"""Sets up the official client: nodes, TLS, authentication, proxy, and the wire version."""

import base64
import re
import ssl
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import elasticsearch
from elastic_transport import NodeConfig, RequestsHttpNode, Serializer, Transport

from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.errors import ConfigError
from scoreback.regular_file import open_regular

JSON, NDJSON = "application/json", "application/x-ndjson"
_WIRE = re.compile(r"application/vnd\.elasticsearch\+([a-z-]+); ?compatible-with=\d+")


def connect(settings: ElasticSettings) -> elasticsearch.Elasticsearch:
    """A client for *settings* that decodes nothing and never retries; sends nothing yet.

    Raises:
        ConfigError: the library cannot use a setting: a cloud id, a certificate file.
    """
    if settings.ca_file:
        try:
            with open_regular(settings.ca_file):
                pass  # the library would wait for input from a pipe
            ssl.create_default_context(cafile=settings.ca_file)
        except OSError as error:  # SSLError is an OSError, too
            raise ConfigError(
                f"ca_file {settings.ca_file} cannot be used: {error.strerror}",
                hint="set ca_file to a file with certificates in PEM format",
            ) from error
    try:
        return _client(settings)
    except ValueError as error:
        said = "" if settings.proxy else f": {error}"  # the error may quote the proxy's address
        raise ConfigError(
            f"the settings do not give a working connection{said}",
            hint="check cloud_id, hosts, ca_file and fingerprint",
        ) from None


def _client(settings: ElasticSettings) -> elasticsearch.Elasticsearch:
    options: dict[str, Any] = {
        "transport_class": WireTransport,
        "serializers": {JSON: _Undecoded(), NDJSON: _Undecoded()},
        "request_timeout": settings.timeout,
        "max_retries": 0,
        "retry_on_status": (),
        "http_compress": False,
    }
    secure = bool(settings.cloud_id) or any(h.startswith("https") for h in settings.hosts)
    if secure:
        options["verify_certs"] = settings.verify_tls
        options["ssl_show_warn"] = False
        if settings.ca_file:
            options["ca_certs"] = str(settings.ca_file)
        if settings.fingerprint:
            options["ssl_assert_fingerprint"] = settings.fingerprint
    key, password = settings.secret("api_key"), settings.secret("password")
    if key:
        options["api_key"] = key
    elif settings.user and password:
        both = f"{settings.user}:{password}".encode()  # the library itself accepts only ASCII
        options["basic_auth"] = base64.b64encode(both).decode()
    if settings.proxy:
        options["node_class"] = _through(settings.proxy.get_secret_value())
    if settings.cloud_id:
        return elasticsearch.Elasticsearch(cloud_id=settings.cloud_id, **options)
    return elasticsearch.Elasticsearch([_with_port(host) for host in settings.hosts], **options)


class _Undecoded(Serializer):
    """Passes bytes through in both directions."""

    def dumps(self, data: Any) -> bytes:  # noqa: ANN401 - as the base class has it
        return bytes(data)

    def loads(self, data: bytes) -> bytes:
        return data


class WireTransport(Transport):
    """Speaks the server's major version, without which a version 9 client cannot talk to 8."""

    major: int | None = None  # unknown before the first answer, which any version gives

    def perform_request(self, method: str, target: str, **options: Any) -> Any:  # noqa: ANN401
        """Make a request with the version in its headers."""
        headers = dict(options.pop("headers", None) or {})
        for name in ("accept", "content-type"):
            if name in headers:
                headers[name] = _WIRE.sub(self._wire, headers[name])
        return super().perform_request(method, target, headers=headers, **options)

    def _wire(self, found: re.Match[str]) -> str:
        if self.major is None:
            return f"application/{found[1]}"
        return f"application/vnd.elasticsearch+{found[1]}; compatible-with={self.major}"


def _through(proxy: str) -> type[RequestsHttpNode]:
    """A kind of node that is reached through *proxy*, whatever the environment says."""

    class Proxied(RequestsHttpNode):
        def __init__(self, config: NodeConfig) -> None:
            super().__init__(config)
            if config.ssl_assert_fingerprint:  # otherwise only direct connections would compare it
                adapter = self.session.get_adapter("https://")
                adapter.proxy_manager_for = partial(  # type: ignore[attr-defined]
                    adapter.proxy_manager_for,  # type: ignore[attr-defined]
                    assert_fingerprint=config.ssl_assert_fingerprint,
                    assert_hostname=False,
                    cert_reqs="CERT_NONE",
                )
            self.session.trust_env = False
            self.session.proxies = {"http": proxy, "https": proxy}

    return Proxied


def _with_port(host: str) -> str:
    """The URL with a port, which the client requires; Elasticsearch's default is 9200."""
    parts = urlsplit(host)
    return host if parts.port else f"{parts.scheme}://{parts.netloc}:9200{parts.path}"
