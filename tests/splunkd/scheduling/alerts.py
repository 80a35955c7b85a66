"""Alerts that were raised, and what holds them back."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.splunkd.clock import Clock
from tests.splunkd.scheduling.dispatch import is_on
from tests.splunkd.spl.engine import Shown
from tests.splunkd.spl.times import span
from tests.splunkd.spl.values import number


@dataclass(frozen=True)
class FiredAlert:
    """One alert of a saved search."""

    search: str
    sid: str
    at: float
    severity: str
    actions: tuple[str, ...]
    results: int
    app: str = "search"
    owner: str = "nobody"

    @property
    def name(self) -> str:
        """Its own name."""
        return f"rt_scheduler_{self.search}_{self.sid}".replace(" ", "_")


@dataclass
class Alerts:
    """The alerts of one search head."""

    clock: Clock
    fired: list[FiredAlert] = field(default_factory=list)
    _until: dict[tuple[str, tuple[str, ...]], float] = field(default_factory=dict)

    def of(self, search: str) -> list[FiredAlert]:
        """The alerts of a saved search."""
        return [alert for alert in self.fired if alert.search == search]

    def suppress(self, search: str, seconds: float) -> None:
        """Hold back all alerts of a saved search; 0: hold back none any more."""
        if seconds > 0:
            self._until[search, ()] = self.clock.now() + seconds
        else:
            self._until = {key: at for key, at in self._until.items() if key[0] != search}

    def suppressed_for(self, search: str) -> float:
        """For how many seconds more all alerts of a saved search are held back."""
        return max(0.0, self._until.get((search, ()), 0.0) - self.clock.now())

    def let_through(
        self, search: str, values: Mapping[str, str], rows: list[Shown], at: float
    ) -> list[Shown]:
        """Those rows that ``alert.suppress`` does not hold back, one after the other."""
        if self._until.get((search, ()), 0.0) > at:
            return []
        if not is_on(values.get("alert.suppress", "0")):
            return rows
        names = [n.strip() for n in values.get("alert.suppress.fields", "").split(",") if n.strip()]
        period = span(values.get("alert.suppress.period") or "60s")
        if not names:
            self._until[search, ()] = at + period
            return rows
        kept = []
        for row in rows:
            key = (search, tuple(str(row.get(name, "")) for name in names))
            if self._until.get(key, 0.0) <= at:
                self._until[key] = at + period
                kept.append(row)
        return kept


_RELATIONS = {
    "greater than": lambda have, bound: have > bound,
    "less than": lambda have, bound: have < bound,
    "equal to": lambda have, bound: have == bound,
    "not equal to": lambda have, bound: have != bound,
}


def raises(values: Mapping[str, str], rows: list[Shown], custom: int | None) -> bool:
    """Whether a run's rows make an alert; *custom* is the number of rows of ``alert_condition``."""
    kind = values.get("counttype", "always")
    if kind == "always":
        return True
    if kind == "custom":
        return bool(custom)
    if kind == "number of events":
        have = len(rows)
    elif kind in ("number of hosts", "number of sources"):
        name = kind.removeprefix("number of ").removesuffix("s")
        have = len({str(row.get(name)) for row in rows if name in row})
    else:
        return False
    relation = _RELATIONS.get(values.get("relation", "greater than"))
    bound = number(values.get("quantity", "0")) or 0
    return relation is not None and relation(have, bound)
