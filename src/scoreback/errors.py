"""The error tree: every failure that a person can act on.

::

    ScorebackError
    ├── ConfigError            a detector file, a setting or an argument is wrong
    │   └── NotThere           a file that somebody named does not exist, or is a folder
    ├── DataError              the data cannot be used as asked
    │   └── TrainingRefused    training would give a detector nobody should trust
    ├── ArtifactError          a model artefact is damaged, foreign or too new
    ├── StateError             the service's own state is damaged, locked or too new
    └── SiemError
        ├── SiemUnavailable    the SIEM did not answer, or has no room: try again later
        └── SiemRefused        the SIEM said no: trying again will not help

Each says what is wrong with which thing, and its ``hint`` says what to do about it.
"""


class ScorebackError(Exception):
    """The root: ``str()`` is one sentence for a person, ``hint`` the next step."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Keep *message* (what is wrong with which thing) and *hint* (what to do)."""
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        """Survive pickling with the hint, as errors cross process borders."""
        return (_rebuild, (type(self), self.message, self.hint))


class ConfigError(ScorebackError):
    """A detector file, a setting or an argument is wrong."""


class NotThere(ConfigError):
    """A file that somebody named does not exist, or is a folder."""


class DataError(ScorebackError):
    """The data cannot be used as asked."""


class TrainingRefused(DataError):
    """Training would give a detector that nobody should trust."""


class ArtifactError(ScorebackError):
    """A model artefact is damaged, foreign, or written by a newer version."""


class StateError(ScorebackError):
    """The service's own state is damaged, locked by another process, or too new."""


class SiemError(ScorebackError):
    """Something between us and a SIEM went wrong."""


class SiemUnavailable(SiemError):
    """The SIEM did not answer or has no room; the same call may work later."""


class SiemRefused(SiemError):
    """The SIEM refused; the same call will be refused again."""


def _rebuild(kind: type[ScorebackError], message: str, hint: str) -> ScorebackError:
    return kind(message, hint=hint)
