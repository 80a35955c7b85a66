"""The simulator's clock: the machine's, until a test sets it; the same as that of splunkd's."""

from tests.splunkd.clock import Clock

__all__ = ["Clock"]
