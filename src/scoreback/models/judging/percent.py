"""Shares as whole percents, rounded as the console rounds them."""


def percent(share: float) -> str:
    """*share* as ``23%``, where the console prints 0.23.

    Half a percent has no exact binary form: rounded to two decimals in one place and to percent in
    another, the same 0.225 would appear as 0.23 and as 22%.
    """
    return f"{float(f'{share:.2f}'):.0%}"
