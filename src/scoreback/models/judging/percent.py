"""Shares as whole percents, rounded as the console rounds them."""


def percent(share: float) -> str:
    """*share* as ``23%``, where the console prints 0.23.

    Half a percent is no binary fraction: rounded once to two decimals and once to percents, the
    same 0.225 would be 0.23 in one place and 22% in another.
    """
    return f"{float(f'{share:.2f}'):.0%}"
