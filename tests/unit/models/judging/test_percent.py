"""A share is the same number in percents and in decimals."""

from scoreback.models.judging.percent import percent


def test_a_share_in_percents_is_what_two_decimals_say() -> None:
    for part in range(1001):
        decimals = f"{part / 1000:.2f}".replace(".", "")
        assert percent(part / 1000) == f"{int(decimals)}%"
