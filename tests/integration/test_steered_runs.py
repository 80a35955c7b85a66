"""A pause and a rollback take effect within a run that goes on: at most one step comes after them.

``benchmarks/steering.py`` measures the seconds, with a million events to catch up on.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from scoreback.connectors.local.scores import Scores
from scoreback.records import ScoreBatch, WriteReport
from scoreback.service.app import App, opened
from scoreback.service.deploying.pausing import pause
from scoreback.service.deploying.promotion import promote
from scoreback.service.recalling.rollback import roll_back
from scoreback.service.scoring.champions import score_live
from scoreback.service.settings import Settings
from tests.integration.alike import END, TRAINED
from tests.integration.test_while_scoring import elsewhere, named, second_version

pytestmark = pytest.mark.usefixtures("small_steps")
PLAIN = named("plain")


def alerting(scores: pa.RecordBatch, _bad: str) -> bool:
    return bool(pc.any(scores.column("alert")).as_py())


def of_bad_version(scores: pa.RecordBatch, bad: str) -> bool:
    return bad in scores.column("version").to_pylist()


@pytest.mark.parametrize(
    ("act", "is_old"),
    [
        (lambda other: pause(other, PLAIN, by="ann", reason="", at=END), alerting),
        (lambda other: roll_back(other, PLAIN, by="ann", at=END), of_bad_version),
    ],
    ids=["pause", "rollback"],
)
def test_at_most_one_step_comes_after_it(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[App], object],
    is_old: Callable[[pa.RecordBatch, str], bool],
) -> None:
    order, real = list[bool | None](), Scores.write  # steps that are old; None: the command ended

    def written(own: Scores, scores: ScoreBatch, *, at: datetime) -> WriteReport:
        order.append(is_old(scores.batch, bad))
        return real(own, scores, at=at)

    monkeypatch.setattr(Scores, "write", written)
    with opened(Settings(home=home)) as app:
        bad = second_version(app, PLAIN)
        promote(app, PLAIN, bad, by="ann", at=TRAINED)
        read = 0

        def in_the_middle(rows: int) -> None:
            nonlocal read
            was, read = read, read + rows
            if was < 400 <= read:
                elsewhere(home, act)
                order.append(None)

        assert score_live(app, PLAIN, now=END, progress=in_the_middle) is not None
    place = order.index(None)
    assert any(order[:place])
    assert not any(order[place + 2 :])
    assert len(order[place + 2 :]) > 1  # the run went on long after it
