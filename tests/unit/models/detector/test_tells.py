"""A field that is the label under another name is seen; a burst of equal rows is no such field."""

import numpy as np
import pyarrow as pa

from scoreback.models.detector.profile import Field, profile
from scoreback.models.detector.tells import (
    DISGUISE,
    fills_a_time,
    only_positives_have,
    told_by,
)

ROWS = 2000
DRAW = np.random.default_rng(2)
TRUTH = (DRAW.random(ROWS) < 0.1).astype(np.int8)


def of(values: list[str | None]) -> Field:
    (found,) = profile(pa.table({"f": pa.array(values, pa.string())}), ["f"])
    return found


def test_the_answer_under_another_name_takes_away_all_doubt() -> None:
    kinds = of([("sqli", "xss")[i % 2] if t else "norm" for i, t in enumerate(TRUTH)])
    assert told_by(kinds, TRUTH) > DISGUISE
    many = np.repeat(TRUTH, 10)
    risk = of([str(DRAW.integers(9000, 9900) if t else DRAW.integers(0, 8000)) for t in many])
    assert told_by(risk, many) > DISGUISE
    blank = of([None if t else f"v{i % 30}" for i, t in enumerate(TRUTH)])
    assert told_by(blank, TRUTH) > DISGUISE


def test_a_good_feature_is_no_disguise_and_noise_tells_nothing() -> None:
    noisy = DRAW.random(ROWS) < 0.05
    good = of([f"r{int(t) ^ int(n)}" for t, n in zip(TRUTH, noisy, strict=True)])
    assert 0.3 < told_by(good, TRUTH) < DISGUISE
    assert told_by(of([f"u{i % 700}" for i in range(ROWS)]), TRUTH) < 0.05
    assert told_by(good, np.zeros(ROWS, np.int8)) == 0.0


def test_a_burst_does_not_make_its_host_the_answer() -> None:
    truth = np.zeros(ROWS, np.int8)
    truth[1210:1290] = 1
    hosts = of([f"h{i % 9}" if not truth[i] else "h3" for i in range(ROWS)])
    assert told_by(hosts, truth) < DISGUISE


def test_what_only_positives_have_is_filled_in_afterwards() -> None:
    some = of(["case" if t and i % 5 else None for i, t in enumerate(TRUTH)])
    assert only_positives_have(some, TRUTH)
    assert not only_positives_have(of(["x" if i % 3 else None for i in range(ROWS)]), TRUTH)


def test_the_name_of_a_file_fills_a_time() -> None:
    assert fills_a_time(of([f"file{i * 3 // ROWS}" for i in range(ROWS)]))
    assert not fills_a_time(of([("tcp", "udp")[i % 7 == 0] for i in range(ROWS)]))
