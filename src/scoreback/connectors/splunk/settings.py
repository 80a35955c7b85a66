"""Settings of a connection to Splunk."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from scoreback.connectors.connection_settings import ConnectionSettings, Duration
from scoreback.records import Verdict

Index = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$")]
AppName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]
Whether = Literal["auto", "true", "false"]


class SplunkSettings(ConnectionSettings):
    """What a connection's file may say; secrets come from the environment or from files.

    ``SCOREBACK_SPLUNK_TOKEN`` and similar variables supply what the file does not set.
    """

    SECRETS = ("token", "password", "hec_token")
    KEYS = frozenset({"token", "hec_token"})
    model_config = SettingsConfigDict(
        env_prefix="SCOREBACK_SPLUNK_", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    url: str = Field(default="", description="the management port, https://HOST:8089")
    hec_url: str | None = Field(
        default=None,
        description="the HTTP event collector, https://HOST:8088; without it, nothing can be"
        " written",
    )
    web_url: str | None = Field(
        default=None,
        description="where people open Splunk, https://HOST:8000; `verdict` links to alerts there",
    )
    token: SecretStr | None = Field(default=None, description="authentication token")
    token_file: Path | None = Field(default=None, description="file with the token")
    user: str | None = Field(default=None, description="user name, instead of a token")
    password: SecretStr | None = Field(default=None, description="password of the user")
    password_file: Path | None = Field(default=None, description="file with the password")
    hec_token: SecretStr | None = Field(default=None, description="token of the event collector")
    hec_token_file: Path | None = Field(
        default=None, description="file with the token of the event collector"
    )
    ca_file: Path | None = Field(default=None, description="file with trusted certificates (PEM)")
    verify_tls: bool = Field(
        default=True, description="check the server's certificate; set false only for tests"
    )
    proxy: SecretStr | None = Field(  # the proxy's address may contain a password
        default=None, description="HTTP proxy, http://HOST:PORT"
    )
    app: AppName = Field(default="scoreback", description="name of Scoreback's app in Splunk")
    index: Index = Field(default="scoreback", description="index that Scoreback writes to")
    target: Literal["enterprise", "cloud"] = Field(
        default="enterprise", description="cloud: Splunk Cloud, which has its own API for indexes"
    )
    enterprise_security: Whether = Field(
        default="auto", description="whether Enterprise Security is used; auto detects it"
    )
    findings_app: AppName | None = Field(
        default=None, description="app whose API serves the findings; detected if not set"
    )
    dispositions: dict[str, Verdict] = Field(
        default={},
        description="meaning of your own dispositions, by id or label, {disposition:7: VERDICT}",
    )
    timeout: Annotated[float, Field(gt=0)] = Field(
        default=60.0, description="seconds without an answer after which a request has failed"
    )
    attempts: Annotated[int, Field(ge=1, le=20)] = Field(
        default=6, description="attempts before the SIEM counts as unavailable"
    )
    longest_wait: Annotated[float, Field(gt=0)] = Field(
        default=30.0, description="maximum seconds between two attempts"
    )
    searches: Annotated[int, Field(ge=1, le=50)] = Field(
        default=2, description="searches that run at once; the user's quota has to allow them"
    )
    settle: Duration = Field(
        default=timedelta(seconds=60),
        description="how long after it was indexed an event may still become visible to a search",
    )
    reach: Duration = Field(
        default=timedelta(days=30),
        gt=timedelta(0),
        description="maximum distance between an event's time and its index time; other events are"
        " not read",
    )
    acknowledge: bool = Field(
        default=False, description="whether the collector's token uses indexer acknowledgement"
    )
    acknowledged_within: Duration = Field(
        default=timedelta(minutes=2),
        gt=timedelta(0),
        description="how long to wait for an acknowledgement",
    )
    compress: bool = Field(
        default=False,
        description="compress events: for slow networks, at the cost of processor time",
    )
    entities_every: Duration = Field(
        default=timedelta(hours=1),
        ge=timedelta(0),
        description="how often the scores of entities are updated, which go to every indexer",
    )
    entities_most: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=50_000, description="maximum entities with a score; the oldest are dropped first"
    )
    events_kept: Duration = Field(
        default=timedelta(days=30),
        gt=timedelta(0),
        description="how long the score of an event stays in the lookup of events",
    )

    @field_validator("enterprise_security", mode="before")
    @classmethod
    def _worded(cls, given: object) -> object:
        """Accept YAML's true and false for what they mean here."""
        return str(given).lower() if isinstance(given, bool) else given

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.url:
            raise ValueError("url is missing; write url: https://HOST:8089")
        for key, given in (("url", self.url), ("hec_url", self.hec_url)):
            if given is not None:
                _refuse_address(key, given)
        if self.web_url is not None:  # a proxy may serve it below a path
            _refuse_address("web_url", self.web_url, path=True)
        self.refuse_secrets_given_twice()
        if self.has("token") and self.user:
            raise ValueError("a token and a user are both given; name one of them")
        if not self.has("token") and not self.user:
            raise ValueError("name token_file, or user and password_file")
        if self.user and not self.has("password"):
            raise ValueError("a user needs password_file, or SCOREBACK_SPLUNK_PASSWORD")
        if self.hec_url is not None and not self.has("hec_token"):
            raise ValueError("hec_url needs hec_token_file, or SCOREBACK_SPLUNK_HEC_TOKEN")
        return self


def _refuse_address(key: str, given: str, *, path: bool = False) -> None:
    """Raise `ValueError` unless *given* is a server's address, without more than a *path*."""
    try:
        parts = urlsplit(given)
        whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        whole = None
    if not whole or (parts.path.strip("/") and not path) or parts.query or parts.fragment:
        raise ValueError(f"{key} is not https://HOST:PORT")
    if parts.username or parts.password:
        raise ValueError(f"{key} contains a user or password; use user and password_file")
