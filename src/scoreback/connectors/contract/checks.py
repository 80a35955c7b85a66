"""The connector contract as checks that anyone can run on their own connector.

Give each check of `CHECKS` a fresh `Subject`, for example by parametrising a pytest function over
them. A check raises `AssertionError` with a sentence about what the connector does wrong. It
compares what a reader sees after ``Subject.settle``: a SIEM need not count at write time or show
its own writes at once. A check of a door that the connection lacks passes.
"""

from collections.abc import Callable, Iterator
from functools import wraps
from types import ModuleType

from scoreback.connectors.contract import (
    alert_checks,
    event_checks,
    health_checks,
    label_checks,
    rule_checks,
    score_checks,
)
from scoreback.connectors.contract.data import NoDoor, Subject

Check = Callable[[Subject], None]


def _of_present_doors(check: Check) -> Check:
    @wraps(check)
    def asked(subject: Subject) -> None:
        try:
            check(subject)
        except NoDoor:
            return

    return asked


def _checks(*modules: ModuleType) -> Iterator[Check]:
    for module in modules:
        for name, check in vars(module).items():
            if name.startswith("check_"):
                yield _of_present_doors(check)


CHECKS: tuple[Check, ...] = tuple(
    _checks(event_checks, score_checks, rule_checks, alert_checks, label_checks, health_checks)
)
