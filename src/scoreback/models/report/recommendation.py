"""The recommendation at the top of the page: what to do with a version, and why.

A person decides. The advice weighs the version that scores now, cheap rivals at the same number of
alerts, and the cautions that training computed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from scoreback.models.judging.percent import percent
from scoreback.models.report import sentences
from scoreback.models.training.candidates import BASELINE, CHEAP
from scoreback.models.training.cautions import FEW

Advice = Literal["promote", "look", "leave", "scores", "past"]
HEADINGS: Mapping[Advice, str] = {
    "promote": "Promote it",
    "look": "Look here first",
    "leave": "Do not promote it",
    "scores": "It scores now",
    "past": "It scored before",
}
# Cautions that may overturn the whole promise; the others do not change the advice.
_WEIGHTY = (
    "label in disguise", "filled in after the fact", "snooping in time", "positives to judge by",
    "promised precision", "never seen",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """The advice, the reasons for it, and what to look at before following it."""

    advice: Advice
    why: tuple[str, ...]
    look: tuple[str, ...]

    @property
    def heading(self) -> str:
        """The advice in words."""
        return HEADINGS[self.advice]


def recommend(
    account: Mapping[str, Any],
    status: str,
    named: Mapping[str, str],
    came: Mapping[str, float] | None = None,
) -> Recommendation:
    """The recommendation for the version of *account*, whose status is now *status*.

    *named* has the candidates' names for people; *came* is how analysts closed its alerts.
    """
    by_name = {c["algorithm"]: c for c in account["candidates"]}
    at = by_name[account["chosen"]]["at_budget"]
    why, against, look = [sentences.lead(at, account.get("judged_days"))], [], []
    if not at["alerts"]:
        against.append("It would raise no alert.")
    for name in (n for n in CHEAP if n in by_name and at["alerts"]):
        rival = by_name[name]["at_budget"]
        ahead = _ahead(account, name)
        told = sentences.against(
            (at["true_alerts"], at["alerts"]),
            (rival["true_alerts"], rival["alerts"]),
            _the(named[name], name),
            sure=ahead and at["true_alerts"] > rival["true_alerts"],
        )
        why.append(told)
        if rival["true_alerts"] > at["true_alerts"]:
            against.append(
                f"{_upper(_the(named[name], name))} finds more true alerts, and needs no model."
            )
        elif not ahead:
            look.append(
                f"At this number of alerts it is not surely better than {_the(named[name], name)}."
            )
    rule = account.get("plain_rule")
    if rule and rule["words"]:
        why.append(sentences.plain_rule(account, named))
        if rule["true_alerts"] > rule["against"][account["chosen"]]:
            against.append("A plain rule finds more true alerts at the rule's number of alerts.")
    found = account.get("beside")
    if found and status not in ("champion", "retired"):
        why.append(sentences.beside(found))
        if found["why_not"]:
            look.append(f"It could not be compared with {found['version']}, which scores now.")
        elif found["finds_fewer"]:
            against.append(
                f"{found['version']}, which scores now, finds more true alerts, beyond chance."
            )
        elif found["true_alerts"] < found["incumbent_true_alerts"]:
            look.append(
                f"{found['version']}, which scores now, finds more true alerts, but not surely."
            )
    if came:
        why.append(outcome(at, came))
    weighty = [p for p in account["pitfalls"] if not p["fine"] and _is_weighty(p["name"])]
    if at["positives"] >= FEW:  # more would only help to tell equal candidates apart
        weighty = [p for p in weighty if p["name"] != "positives to judge by"]
    look += [f"{_upper(p['name'])}: {p['figure']} {p['sentence']}." for p in weighty]
    return Recommendation(advice=_advice(status, against, look), why=(*against, *why),
                          look=tuple(look))  # fmt: skip


def outcome(at: Mapping[str, Any], came: Mapping[str, float]) -> str:
    """How analysts closed the version's alerts, beside what training promised."""
    low, high = came["precision_low"], came["precision_high"]
    judged, shown = (
        f"{came[which]:,.0f} alert{'' if came[which] == 1 else 's'}"
        for which in ("labelled", "alerts")
    )
    said = (
        f"Of {judged} with a verdict so far, {percent(came['precision'])} were true"
        f" ({percent(low)} to {percent(high)}); it raised {shown},"
        f" {came['alerts_per_day']:.1f} a day"
    )
    if at["precision"] is None or at["precision_low"] is None:
        return f"{said}."
    if high < at["precision_low"]:
        word = "less than"
    elif low > at["precision_high"]:
        word = "more than"
    else:
        word = "in keeping with"
    return (
        f"{said}. That is {word} the {percent(at['precision'])} that training promised"
        f" ({percent(at['precision_low'])} to {percent(at['precision_high'])})."
    )


def _ahead(account: Mapping[str, Any], rival: str) -> bool:
    """Whether it finds more than *rival* beyond chance; old accounts say so for all rivals only."""
    choice = account.get("choice") or {}
    if "ahead_of" in choice:
        return rival in choice["ahead_of"]
    return bool(choice.get("finds_more", rival != BASELINE))


def _advice(status: str, against: list[str], look: list[str]) -> Advice:
    if status == "champion":
        return "scores"
    if status == "retired":
        return "past"
    if against:
        return "leave"
    return "look" if look else "promote"


def _is_weighty(name: str) -> bool:
    return any(part in name for part in _WEIGHTY)


def _the(called: str, name: str) -> str:
    return f"the {called}" if name == BASELINE else called


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
