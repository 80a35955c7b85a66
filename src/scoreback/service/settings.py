"""Where a workspace lives and which SIEM it speaks to."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of one workspace; each can be given as ``SCOREBACK_<NAME>`` in the environment."""

    model_config = SettingsConfigDict(env_prefix="SCOREBACK_", frozen=True, extra="ignore")

    home: Path = Field(
        default=Path(".scoreback"), description="folder of state, models and embedded SIEM"
    )
    connector: str = Field(
        default="local", description="connector of the SIEM, by its entry point's name"
    )
    connection: str = Field(
        default="local", description="name of the connection; part of each score's id"
    )
    settle: timedelta = Field(
        default=timedelta(0),
        description="how long after its arrival time an event may still turn up",
    )
    threads: int = Field(default=2, ge=1, description="threads for learning and scoring")

    @property
    def connector_settings(self) -> Mapping[str, object]:
        """What the connector is opened with."""
        return {"path": str(self.home / "siem")}

    @property
    def state(self) -> Path:
        """Folder of the service's own state."""
        return self.home / "state"

    @property
    def models(self) -> Path:
        """Folder of model artefacts: one folder per detector, one per version in it."""
        return self.home / "models"
