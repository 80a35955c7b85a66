"""Settings of a connection to Elasticsearch."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)
from pydantic_settings import SettingsConfigDict

from scoreback.connectors.connection_settings import ConnectionSettings, Duration
from scoreback.records import Verdict

Namespace = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.]{0,99}$")]
_OF_KIBANA = ("space", "kibana_ca_file", "verdicts")  # keys that need it


def _space(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9_-]{1,100}", name):
        raise ValueError("write the id of a space: lower-case letters, digits, _ and -")
    return name


def _meaning(said: object) -> object:
    if said not in ("ignore", *Verdict):
        raise ValueError(f"a reason must mean one of {', '.join(Verdict)}, ignore")
    return said


Space = Annotated[str, AfterValidator(_space)]
Meaning = Annotated[Verdict | Literal["ignore"], BeforeValidator(_meaning)]


class ElasticSettings(ConnectionSettings):
    """What a connection's file may say; secrets come from the environment or from files.

    ``SCOREBACK_ELASTIC_API_KEY`` and similar variables supply what the file does not set.
    """

    SECRETS = ("api_key", "password", "kibana_api_key")
    KEYS = frozenset({"api_key", "kibana_api_key"})
    model_config = SettingsConfigDict(
        env_prefix="SCOREBACK_ELASTIC_", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    hosts: list[str] = Field(default=[], description="addresses of nodes, https://HOST:PORT")
    cloud_id: str | None = Field(default=None, description="instead of hosts, for Elastic Cloud")
    api_key: SecretStr | None = Field(default=None, description="encoded API key")
    api_key_file: Path | None = Field(default=None, description="file with the API key")
    user: str | None = Field(default=None, description="user name, instead of an API key")
    password: SecretStr | None = Field(default=None, description="password of the user")
    password_file: Path | None = Field(default=None, description="file with the password")
    ca_file: Path | None = Field(default=None, description="file with trusted certificates (PEM)")
    fingerprint: str | None = Field(
        default=None,
        pattern=r"^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$",
        description="SHA-256 fingerprint of the server's certificate authority",
    )
    verify_tls: bool = Field(
        default=True, description="check the server's certificate; set false only for tests"
    )
    proxy: SecretStr | None = Field(  # the proxy's address may contain a password
        default=None, description="HTTP proxy, http://HOST:PORT"
    )
    namespace: Namespace = Field(
        default="default", description="last part of the names of everything that Scoreback writes"
    )
    clusters: list[str] = Field(
        default=[],
        description="clusters to read events from; '' is the local one",
    )
    timeout: Annotated[float, Field(gt=0)] = Field(
        default=60.0, description="seconds after which a request has failed"
    )
    attempts: Annotated[int, Field(ge=1, le=20)] = Field(
        default=6, description="attempts before the SIEM counts as unavailable"
    )
    longest_wait: Annotated[float, Field(gt=0)] = Field(
        default=30.0, description="maximum seconds between two attempts"
    )
    arrival_lag: Duration = Field(
        default=timedelta(minutes=15),
        description="an event without event.ingested counts as arrived this long after its time",
    )
    settle: Duration = Field(
        default=timedelta(seconds=60),
        description="how long after its arrival an event may still become visible to a search",
    )
    retention: str = Field(
        default="365d", pattern=r"^[1-9]\d*[dhms]$", description="how long scores are kept"
    )
    ilm_policy: str | None = Field(
        default=None,
        description="your own index lifecycle policy, instead of retention",
    )
    keep_settings: bool = Field(
        default=True,
        description="write the changes of `scoreback settings` into the index of settings; false:"
        " only read it, so that the key needs no permission to write",
    )
    replicas: Annotated[int, Field(ge=0, le=9)] | None = Field(
        default=None, description="number of replicas; if not set, the cluster's default"
    )
    native: bool = Field(
        default=False,
        description="let the cluster score events too, with ingest pipelines that yours call",
    )

    kibana: str | None = Field(
        default=None,
        description="address of Kibana, https://HOST:PORT: then Elastic Security keeps alert"
        " rules, alerts and verdicts",
    )
    space: Space = Field(default="default", description="Kibana space for all of these")
    kibana_api_key: SecretStr | None = Field(
        default=None, description="encoded API key for Kibana, if it differs from api_key"
    )
    kibana_api_key_file: Path | None = Field(
        default=None, description="file with the API key for Kibana"
    )
    kibana_ca_file: Path | None = Field(
        default=None,
        description="file with trusted certificates for Kibana (PEM); default: ca_file",
    )

    verdicts: dict[str, Meaning] = Field(
        default={},
        description="meaning of closing reasons, or of tags where there is no reason:"
        " {approved change: benign_positive}; the key none is for alerts closed without either",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.hosts) == bool(self.cloud_id):
            raise ValueError("set either hosts or cloud_id")
        for host in self.hosts:
            parts = urlsplit(host)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
                raise ValueError("a host is not https://HOST:PORT")
            if parts.username or parts.password:
                raise ValueError("a host contains a user or password; use user and password_file")
        self.refuse_secrets_given_twice()
        self._refuse_wrong_kibana()
        if self.has("api_key") and self.user:
            raise ValueError("an API key and a user are both given; name one of them")
        if self.user and not self.has("password"):
            raise ValueError("a user needs password_file, or SCOREBACK_ELASTIC_PASSWORD")
        return self

    def _refuse_wrong_kibana(self) -> None:
        if self.kibana is None:
            given = sorted(self.model_fields_set & {*_OF_KIBANA, "kibana_api_key_file"})
            if given:
                raise ValueError(f"{given[0]} needs kibana, the address of Kibana")
            return
        parts = urlsplit(self.kibana)
        try:
            port = parts.port
        except ValueError:
            port = 0
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or port == 0
        if wrong or parts.query or parts.fragment:
            raise ValueError("kibana is not https://HOST:PORT")
        if parts.username or parts.password:
            raise ValueError(
                "kibana contains a user or password; use kibana_api_key_file, or those of the"
                " cluster"
            )
        if re.search(r"/s/[^/]+/?$|/app(/|$)", parts.path):
            raise ValueError(
                "kibana contains a path to a page or a space; write the space under space"
            )

    @property
    def has_credentials(self) -> bool:
        """Whether requests carry a key or a password."""
        return bool(self.has("api_key") or self.user)
