"""Where a workspace is kept, and which SIEM it connects to."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, ByteSize, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from scoreback.errors import ConfigError
from scoreback.times import duration_setting

PREFIX = "SCOREBACK_"


class Settings(BaseSettings):
    """Settings of one workspace; each can be given as ``SCOREBACK_<NAME>`` in the environment."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    home: Path = Field(
        default=Path(".scoreback"),
        description="folder of the workspace: state, models and the embedded SIEM",
    )
    connector: str = Field(
        default="local",
        description="connector of the SIEM, by the name of its entry point (else the one in the"
        " connection's file)",
    )
    connection: str = Field(
        default="local", description="name of the connection, which is part of each score's id"
    )
    connection_file: Path | None = Field(
        default=None,
        description="file of the connection (else connections/<connection>.yml in the workspace)",
    )
    settle: Annotated[timedelta | None, BeforeValidator(duration_setting)] = Field(
        default=None,
        description="how long after its arrival time an event may still become visible, such as"
        " 2m (else what the connector says)",
    )
    training_memory: ByteSize | None = Field(
        default=None,
        gt=0,
        description="memory that a training may use, such as 8GiB (else half of that of the"
        " machine or container)",
    )
    jobs: int = Field(
        default=2,
        ge=1,
        description="scoring jobs that `serve` runs at the same time; each is for one detector,"
        " or for those that share their events",
    )
    threads: int = Field(default=2, ge=1, description="threads for learning and scoring")

    @classmethod
    def read(cls, home: Path | None = None) -> Self:
        """The settings from the environment; *home*, if given, takes the place of its home.

        Raises:
            ConfigError: a setting has a value that cannot be used; names it and says what it means.
        """
        try:
            return cls() if home is None else cls(home=home)
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)[0]
            name = str(found["loc"][0])
            raise ConfigError(
                f"setting {PREFIX}{name.upper()} cannot be used:"
                f" {found['msg'].removeprefix('Value error, ')}",
                hint=f"it is: {cls.model_fields[name].description}",
            ) from None

    @property
    def state(self) -> Path:
        """Folder of the service's own state."""
        return self.home / "state"

    @property
    def models(self) -> Path:
        """Folder of model artefacts: one folder per detector, one per version in it."""
        return self.home / "models"
