import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from scoreback.service.demo.company import STREAMS, Day, StreamName

Days = dict[StreamName, list[Day]]
every_stream = pytest.mark.parametrize("stream", STREAMS)


def truth_of(days: list[Day]) -> tuple[pa.Table, NDArray[np.bool_], NDArray[np.float64]]:
    truth = pa.concat_tables([d.truth for d in days])
    attack = truth["attack"].to_numpy()
    return pa.concat_tables([d.events for d in days]), attack, truth["oracle"].to_numpy()


def numbers(column: pa.ChunkedArray) -> NDArray[np.float64] | None:
    try:
        return np.array([float(v) if v else -1.0 for v in column.to_pylist()])
    except ValueError:
        return None


def shares(column: pa.ChunkedArray, attack: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Each value's share of attacks, the event itself left out: a fair single-column score."""
    _, codes = np.unique([v or "" for v in column.to_pylist()], return_inverse=True)
    total, bad = np.bincount(codes), np.bincount(codes, attack)
    prior = attack.mean()
    return np.asarray((bad[codes] - attack + prior) / (total[codes] - 1 + 1))


@every_stream
def test_the_best_possible_score_is_good_but_the_attacks_are_not_trivial(
    stream: StreamName, days: Days
) -> None:
    _, attack, oracle = truth_of(days[stream])
    assert 0.75 < average_precision_score(attack, oracle) < 0.96


@every_stream
def test_the_best_possible_score_beats_every_single_column(stream: StreamName, days: Days) -> None:
    events, attack, oracle = truth_of(days[stream])
    best = average_precision_score(attack, oracle)
    for name in events.column_names[3:]:
        if name in ("labels.exploited", "labels.assessed_at"):
            continue
        score = shares(events[name], attack)
        assert average_precision_score(attack, score) < 0.6 * best, name
        number = numbers(events[name])
        if number is not None:
            assert average_precision_score(attack, number) < 0.6 * best, name


@every_stream
def test_shuffling_the_best_possible_score_loses_everything(stream: StreamName, days: Days) -> None:
    _, attack, oracle = truth_of(days[stream])
    shuffled = np.random.default_rng(0).permutation(oracle)
    assert average_precision_score(attack, shuffled) < 0.1


@every_stream
def test_the_best_possible_score_is_the_true_log_odds(stream: StreamName, days: Days) -> None:
    _, attack, oracle = truth_of(days[stream])
    chance = 1 / (1 + np.exp(-oracle))
    for low, high in [(-99, -6), (-6, -4), (-4, -2), (-2, 0), (0, 2), (2, 4), (4, 99)]:
        here = (oracle >= low) & (oracle < high)
        expected, found = chance[here].sum(), attack[here].sum()
        spread = np.sqrt((chance[here] * (1 - chance[here])).sum())
        assert abs(found - expected) < 4 * spread + 1, (low, high, found, expected)
