"""Settings of a connection to Elasticsearch: typed, checked, and without a secret in sight."""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from scoreback.errors import ConfigError
from scoreback.regular_file import open_regular

Namespace = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.]{0,99}$")]
_KEY = re.compile(r"[\x21-\x7e]+").fullmatch
_SECRETS = ("api_key", "password")
_LONGEST_SECRET = 65_536  # bytes; what is longer is another file


class ElasticSettings(BaseSettings):
    """What a connection file may say; secrets come from the environment or from files.

    ``SCOREBACK_ELASTIC_API_KEY`` and the like fill what the file does not name.
    """

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
    arrival_lag: timedelta = Field(
        default=timedelta(minutes=15),
        description="an event without event.ingested counts as arrived this long after its time",
    )
    settle: timedelta = Field(
        default=timedelta(seconds=60),
        description="how long after its arrival an event may still become visible to a search",
    )
    retention: str = Field(
        default="365d", pattern=r"^[1-9]\d*[dhms]$", description="how long scores are kept"
    )
    ilm_policy: str | None = Field(
        default=None,
        description="an index lifecycle policy of yours that rules, in place of the retention",
    )
    replicas: Annotated[int, Field(ge=0, le=9)] | None = Field(
        default=None, description="copies of what is written; the cluster's own default without it"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The connection file first, then the environment."""
        del settings_cls, dotenv_settings, file_secret_settings
        return init_settings, env_settings

    @classmethod
    def of(cls, name: str, settings: Mapping[str, object]) -> Self:
        """The settings of the connection called *name*.

        Raises:
            ConfigError: a key is unknown, missing or wrong; values are never repeated.
        """
        try:
            return cls(**dict[str, Any](settings))
        except ValidationError as error:
            first = error.errors(include_input=False, include_context=False)[0]
            key = ".".join(map(str, first["loc"])) or "the whole"
            known = ", ".join(sorted(cls.model_fields))
            unknown = first["type"] == "extra_forbidden"
            raise ConfigError(
                f"connection {name!r}: {key}: "
                + ("no such setting" if unknown else first["msg"].removeprefix("Value error, ")),
                hint=f"settings that exist: {known}" if unknown else _description(cls, key),
            ) from None
        except SettingsError as error:  # its cause would show the value
            raise ConfigError(
                f"connection {name!r}: {error}",
                hint="write lists in the environment as JSON",
            ) from None

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
        for secret in _SECRETS:
            if getattr(self, secret) and getattr(self, f"{secret}_file"):
                raise ValueError(f"{secret} and {secret}_file are both given")
        keyed = self.api_key or self.api_key_file
        if keyed and self.user:
            raise ValueError("an API key and a user are both given; name one of them")
        if self.user and not (self.password or self.password_file):
            raise ValueError("a user needs password_file, or SCOREBACK_ELASTIC_PASSWORD")
        return self

    @property
    def has_credentials(self) -> bool:
        """Whether requests carry a key or a password."""
        return bool(self.api_key or self.api_key_file or self.user)

    def secret(self, name: str) -> str | None:
        """The value of secret *name*, from the environment or its file.

        Raises:
            ConfigError: its file cannot be read, or others can read it too.
        """
        given: SecretStr | None = getattr(self, name)
        path: Path | None = getattr(self, f"{name}_file")
        if given is not None or path is None:
            return _whole(name, given.get_secret_value()) if given is not None else None
        try:
            with open_regular(path) as file:
                if os.fstat(file.fileno()).st_mode & 0o077:
                    raise ConfigError(f"{path} can be read by others", hint=f"chmod 600 {path}")
                return _whole(f"{name}_file", file.read(_LONGEST_SECRET).decode())
        except OSError as error:
            raise ConfigError(
                f"{name}_file {path} cannot be read: {error.strerror}",
                hint="name a file that the service's user can read",
            ) from error
        except UnicodeDecodeError:
            raise ConfigError(
                f"{name}_file {path} is not text", hint="write the secret alone into it, as UTF-8"
            ) from None


def _whole(name: str, secret: str) -> str:
    """*secret*, in a shape that a header can take: else the error of a library would show it."""
    secret = secret.strip()
    if not secret or not secret.isprintable() or (name.startswith("api") and not _KEY(secret)):
        raise ConfigError(
            f"{name} is empty, or holds characters that it cannot have",
            hint="copy it again, as one line",
        )
    return secret


def _description(cls: type[ElasticSettings], key: str) -> str:
    field = cls.model_fields.get(key.split(".")[0])
    return (field.description or "") if field else "see the README on connections"
