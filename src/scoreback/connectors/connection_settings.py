"""Settings of a connection: typed, checked, and never shown with their secrets."""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsError

from scoreback.errors import ConfigError
from scoreback.regular_file import open_regular
from scoreback.times import duration_setting

Duration = Annotated[timedelta, BeforeValidator(duration_setting)]  # 60s, 15m, 30d
_IN_A_HEADER = re.compile(r"[\x21-\x7e]+").fullmatch
_LONGEST_SECRET = 65_536  # bytes; a longer file is not a secret


class ConnectionSettings(BaseSettings):
    """What a connection's file may say; secrets come from the environment or from files.

    For each of `SECRETS` a subclass has two fields, ``NAME`` and ``NAME_file``.
    """

    SECRETS: ClassVar[tuple[str, ...]] = ()
    KEYS: ClassVar[frozenset[str]] = frozenset()  # those of the secrets that are not passwords

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the connection file first, then the environment."""
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

    def refuse_secrets_given_twice(self) -> None:
        """Refuse a secret that is given twice; for use in a validator.

        Raises:
            ValueError: a secret and its file are both given.
        """
        for secret in self.SECRETS:
            if getattr(self, secret) and getattr(self, f"{secret}_file"):
                raise ValueError(f"{secret} and {secret}_file are both set")

    def has(self, name: str) -> bool:
        """Whether secret *name* is given, here or in a file."""
        return bool(getattr(self, name) or getattr(self, f"{name}_file"))

    def secret(self, name: str) -> str | None:
        """The value of secret *name*, from the environment or its file.

        Raises:
            ConfigError: its file cannot be read, or other users can read it.
        """
        given: SecretStr | None = getattr(self, name)
        path: Path | None = getattr(self, f"{name}_file")
        key = name in self.KEYS
        if given is not None or path is None:
            return _whole(name, given.get_secret_value(), key=key) if given is not None else None
        try:
            with open_regular(path) as file:
                if os.fstat(file.fileno()).st_mode & 0o077:
                    raise ConfigError(f"{path} is readable by others", hint=f"chmod 600 {path}")
                return _whole(f"{name}_file", file.read(_LONGEST_SECRET).decode(), key=key)
        except OSError as error:
            raise ConfigError(
                f"{name}_file {path} cannot be read: {error.strerror}",
                hint="name a file that the user of this service can read",
            ) from error
        except UnicodeDecodeError:
            raise ConfigError(
                f"{name}_file {path} is not text", hint="write only the secret into it, as UTF-8"
            ) from None


def _whole(name: str, secret: str, *, key: bool) -> str:
    """*secret*, if an HTTP header can hold it; otherwise the HTTP library's error would show it."""
    secret = secret.strip()
    if not secret or not secret.isprintable() or (key and not _IN_A_HEADER(secret)):
        raise ConfigError(
            f"{name} is empty, or contains characters that a secret cannot have",
            hint="copy it again, on one line",
        )
    return secret


def _description(cls: type[ConnectionSettings], key: str) -> str:
    field = cls.model_fields.get(key.split(".")[0])
    return (field.description or "") if field else "the docs list the keys of a connection"
