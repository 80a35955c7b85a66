from collections.abc import Callable
from pathlib import Path

import pytest

from scoreback.connectors.base import Connector
from scoreback.connectors.local import LocalConnector
from scoreback.connectors.registry import connector_names, load_connector
from scoreback.connectors.testing import CHECKS, Subject
from scoreback.records import EventBatch


def local(folder: Path) -> Subject:
    connector = LocalConnector.open("contract", {"path": str(folder)})

    def seed(events: EventBatch) -> None:
        connector.add_events("contract", events)

    return Subject(
        connector=connector,
        seed=seed,
        selection={"stream": "contract"},
        unknown_selection={"stream": "no-such-stream"},
    )


SUBJECTS: dict[str, Callable[[Path], Subject]] = {"local": local}


@pytest.mark.parametrize("name", connector_names())
def test_every_installed_connector_has_a_subject_and_all_the_doors(
    name: str, tmp_path: Path
) -> None:
    assert name in SUBJECTS, f"say in SUBJECTS how connector {name!r} is tested"
    subject = SUBJECTS[name](tmp_path)
    assert isinstance(subject.connector, load_connector(name))
    assert isinstance(subject.connector, Connector)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", connector_names())
def test_connector_keeps_the_contract(
    name: str, check: Callable[[Subject], None], tmp_path: Path
) -> None:
    check(SUBJECTS[name](tmp_path))
