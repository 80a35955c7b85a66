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
    """What a connection file may say; secrets come from the environment or from files.

    ``SCOREBACK_SPLUNK_TOKEN`` and the like fill what the file does not name.
    """

    SECRETS = ("token", "password", "hec_token")
    KEYS = frozenset({"token", "hec_token"})
    model_config = SettingsConfigDict(
        env_prefix="SCOREBACK_SPLUNK_", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    url: str = Field(default="", description="the management port, https://HOST:8089")
    hec_url: str | None = Field(
        default=None,
        description="the HTTP event collector, https://HOST:8088; without it nothing is written",
    )
    web_url: str | None = Field(
        default=None,
        description="where people open Splunk, https://HOST:8000; verdict links alerts there",
    )
    token: SecretStr | None = Field(default=None, description="authentication token")
    token_file: Path | None = Field(default=None, description="file that holds the token")
    user: str | None = Field(default=None, description="name of the user, in place of a token")
    password: SecretStr | None = Field(default=None, description="password of the user")
    password_file: Path | None = Field(default=None, description="file that holds the password")
    hec_token: SecretStr | None = Field(default=None, description="token of the event collector")
    hec_token_file: Path | None = Field(
        default=None, description="file that holds the token of the event collector"
    )
    ca_file: Path | None = Field(default=None, description="certificates that are trusted (PEM)")
    verify_tls: bool = Field(
        default=True, description="check the server's certificate; false is for a test bench"
    )
    proxy: SecretStr | None = Field(  # its address may hold a password
        default=None, description="HTTP proxy on the way, http://HOST:PORT"
    )
    app: AppName = Field(default="scoreback", description="the app that Splunk has of ours")
    index: Index = Field(default="scoreback", description="index of all that is written")
    target: Literal["enterprise", "cloud"] = Field(
        default="enterprise", description="cloud: Splunk Cloud, where an index has its own API"
    )
    enterprise_security: Whether = Field(
        default="auto", description="whether Enterprise Security is used; auto looks for it"
    )
    findings_app: AppName | None = Field(
        default=None, description="app whose API has the findings; looked for without it"
    )
    dispositions: dict[str, Verdict] = Field(
        default={},
        description="what dispositions of your own mean, by id or label, {disposition:7: VERDICT}",
    )
    timeout: Annotated[float, Field(gt=0)] = Field(
        default=60.0, description="seconds of silence until a request counts as unanswered"
    )
    attempts: Annotated[int, Field(ge=1, le=20)] = Field(
        default=6, description="how often a request is made before the SIEM counts as unavailable"
    )
    longest_wait: Annotated[float, Field(gt=0)] = Field(
        default=30.0, description="seconds between two attempts, at most"
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
        description="how far an event's own time may lie from when it was indexed to be read",
    )
    acknowledge: bool = Field(
        default=False, description="the collector's token has indexer acknowledgement"
    )
    acknowledged_within: Duration = Field(
        default=timedelta(minutes=2),
        gt=timedelta(0),
        description="how long an acknowledgement is waited for",
    )
    compress: bool = Field(
        default=False, description="send events compressed: for slow lines, it costs processor time"
    )
    entities_every: Duration = Field(
        default=timedelta(hours=1),
        ge=timedelta(0),
        description="how often the entities' scores, which go to every indexer, are renewed",
    )
    entities_most: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=50_000, description="entities with a score, at most: the oldest are dropped first"
    )
    events_kept: Duration = Field(
        default=timedelta(days=30),
        gt=timedelta(0),
        description="how long the score of an event stays in the lookup of events",
    )

    @field_validator("enterprise_security", mode="before")
    @classmethod
    def _worded(cls, given: object) -> object:
        """YAML reads true and false as what they are."""
        return str(given).lower() if isinstance(given, bool) else given

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.url:
            raise ValueError("url is missing; write url: https://HOST:8089")
        for key, given in (("url", self.url), ("hec_url", self.hec_url)):
            if given is not None:
                _refuse_address(key, given)
        if self.web_url is not None:  # a proxy may have put it below a path
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
    """Raise `ValueError` unless *given* is the address of a server, and no more but a *path*."""
    try:
        parts = urlsplit(given)
        whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        whole = None
    if not whole or (parts.path.strip("/") and not path) or parts.query or parts.fragment:
        raise ValueError(f"{key} is not https://HOST:PORT")
    if parts.username or parts.password:
        raise ValueError(f"{key} holds a user or password; use user and password_file")
