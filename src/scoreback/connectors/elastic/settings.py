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
_OF_KIBANA = ("space", "kibana_ca_file", "verdicts")  # what means nothing without it


def _space(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9_-]{1,100}", name):
        raise ValueError("a space is named by its id: small letters, digits, _ and -")
    return name


def _meaning(said: object) -> object:
    if said not in ("ignore", *Verdict):
        raise ValueError(f"a reason means one of {', '.join(Verdict)}, ignore")
    return said


Space = Annotated[str, AfterValidator(_space)]
Meaning = Annotated[Verdict | Literal["ignore"], BeforeValidator(_meaning)]


class ElasticSettings(ConnectionSettings):
    """What a connection file may say; secrets come from the environment or from files.

    ``SCOREBACK_ELASTIC_API_KEY`` and the like fill what the file does not name.
    """

    SECRETS = ("api_key", "password", "kibana_api_key")
    KEYS = frozenset({"api_key", "kibana_api_key"})
    model_config = SettingsConfigDict(
        env_prefix="SCOREBACK_ELASTIC_", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    hosts: list[str] = Field(default=[], description="addresses of nodes, https://HOST:PORT")
    cloud_id: str | None = Field(default=None, description="in place of hosts, for Elastic Cloud")
    api_key: SecretStr | None = Field(default=None, description="encoded API key")
    api_key_file: Path | None = Field(default=None, description="file that holds the API key")
    user: str | None = Field(default=None, description="name of the user, in place of an API key")
    password: SecretStr | None = Field(default=None, description="password of the user")
    password_file: Path | None = Field(default=None, description="file that holds the password")
    ca_file: Path | None = Field(default=None, description="certificates that are trusted (PEM)")
    fingerprint: str | None = Field(
        default=None,
        pattern=r"^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$",
        description="SHA-256 fingerprint of the server's certificate authority",
    )
    verify_tls: bool = Field(
        default=True, description="check the server's certificate; false is for a test bench"
    )
    proxy: SecretStr | None = Field(  # its address may hold a password
        default=None, description="HTTP proxy on the way, http://HOST:PORT"
    )
    namespace: Namespace = Field(
        default="default", description="last part of the names of all that is written"
    )
    clusters: list[str] = Field(
        default=[],
        description="remote clusters whose events are read beside the local ones; '' is the local",
    )
    timeout: Annotated[float, Field(gt=0)] = Field(
        default=60.0, description="seconds until a request counts as unanswered"
    )
    attempts: Annotated[int, Field(ge=1, le=20)] = Field(
        default=6, description="how often a request is made before the SIEM counts as unavailable"
    )
    longest_wait: Annotated[float, Field(gt=0)] = Field(
        default=30.0, description="seconds between two attempts, at most"
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
        description="an index lifecycle policy of yours, in place of retention",
    )
    keep_settings: bool = Field(
        default=True,
        description="write what `scoreback settings` changes into the index of settings; false:"
        " only read it, so that the key needs no right to write it",
    )
    replicas: Annotated[int, Field(ge=0, le=9)] | None = Field(
        default=None, description="copies of what is written; the cluster's own default without it"
    )
    native: bool = Field(
        default=False,
        description="have the cluster score events itself too, by ingest pipelines that yours call",
    )

    kibana: str | None = Field(
        default=None,
        description="address of Kibana, https://HOST:PORT: alert rules, alerts and verdicts are"
        " then Elastic Security's",
    )
    space: Space = Field(default="default", description="space of Kibana that all of it is in")
    kibana_api_key: SecretStr | None = Field(
        default=None, description="encoded API key for Kibana, where it is another than api_key"
    )
    kibana_api_key_file: Path | None = Field(
        default=None, description="file that holds the API key for Kibana"
    )
    kibana_ca_file: Path | None = Field(
        default=None, description="certificates trusted for Kibana (PEM); ca_file without it"
    )

    verdicts: dict[str, Meaning] = Field(
        default={},
        description="what closing reasons, or tags where there is no reason, mean here:"
        " {approved change: benign_positive}; none is for alerts closed without either",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.hosts) == bool(self.cloud_id):
            raise ValueError("name either hosts or cloud_id")
        for host in self.hosts:
            parts = urlsplit(host)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
                raise ValueError("a host is not https://HOST:PORT")
            if parts.username or parts.password:
                raise ValueError("a host holds a user or password; use user and password_file")
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
                "kibana holds a user or password; use kibana_api_key_file, or those of the cluster"
            )
        if re.search(r"/s/[^/]+/?$|/app(/|$)", parts.path):
            raise ValueError("kibana names a page or a space; write the space under space")

    @property
    def has_credentials(self) -> bool:
        """Whether requests carry a key or a password."""
        return bool(self.has("api_key") or self.user)
