"""The suite that every connector must pass, and the sample data that it uses."""

from scoreback.connectors.contract.checks import CHECKS
from scoreback.connectors.contract.data import Subject

__all__ = ["CHECKS", "Subject"]
