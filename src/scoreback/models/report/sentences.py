"""The sentences of the page, made from the figures beside them.

No sentence claims more than its figures: which model shows more, which ranks best and what falls is
compared here, never assumed.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from scoreback.models.judging.percent import percent
from scoreback.models.training.candidates import CHEAP

Figures = Mapping[str, Any]  # part of an account

FALL = 0.1  # of average precision between two weeks; less is not mentioned
_SURE = 2.0  # standard deviations
_FACTOR = 1.5  # between the predicted and the observed share


def lead(at: Figures, days: Sequence[str] | None = None) -> str:
    """What a team would have seen; *at* is the winner at its budget, *days* the first and last."""
    whole = f"{at['days']:.0f} {'day' if at['days'] < 1.5 else 'days'}"
    named = "" if not days else f" ({days[0]} to {days[1]})"
    judged = f"On {whole}{named} that it had not learnt from, it would have shown"
    if not at["alerts"]:
        return f"{judged} no alert."
    return (
        f"{judged} {at['alerts_per_day']:.1f} alerts a day to a team that can read"
        f" {at['budget']:,.14g}: {at['true_alerts']:,} of {at['alerts']:,} were true."
    )


def against(own: tuple[int, int], other: tuple[int, int], name: str, *, sure: bool) -> str:
    """Compare *own* with *other*, called *name*; both are (true alerts, alerts).

    *sure* says that the difference, if there is one, is beyond chance.
    """
    word = "as many" if own[0] == other[0] else "more" if own[0] > other[0] else "fewer"
    chance = ""
    if own[0] != other[0]:
        chance = ", beyond chance" if sure else ", but not surely"
    return (
        f"{_upper(name)} shows {other[0]:,} true alerts of {other[1]:,}, this version {own[0]:,} of"
        f" {own[1]:,}: {word}{chance}."
    )


def chosen(account: Figures, named: Mapping[str, str]) -> str:
    """Why the chosen candidate was chosen."""
    models = [c for c in account["candidates"] if c["algorithm"] not in CHEAP]
    own = next(c for c in models if c["algorithm"] == account["chosen"])
    name, true = named[own["algorithm"]], own["at_budget"]["true_alerts"]
    if len(models) == 1:
        return f"{_upper(name)} was the only model tried."
    most = max(c["at_budget"]["true_alerts"] for c in models)
    rivals = [c for c in models if c is not own]
    if true == most:
        alone = all(c["at_budget"]["true_alerts"] < true for c in rivals)
        said = f"{_upper(name)} shows {'most' if alone else 'as many'} true alerts"
        said += f" ({true:,})" if alone else f" as any other model ({true:,})"
    else:
        first = next(c for c in rivals if c["at_budget"]["true_alerts"] == most)
        said = (
            f"{_upper(named[first['algorithm']])} shows more true alerts ({most:,}) than"
            f" {name} ({true:,}), which may be mere chance"
        )
    ranking = own["average_precision"]
    known = [c["average_precision"] for c in rivals if c["average_precision"] is not None]
    if ranking is not None and known and all(ranking > other for other in known):
        said += f"; {name} ranks best (average precision {ranking:.3f})"
    equals = (account.get("choice") or {}).get("equals") or ()
    if equals:
        others = ", ".join(named[e] for e in equals)
        said += (
            f"; it is equal to {others} within chance: training keeps the most robust that earns"
            " its place"
        )
    return said + "."


def plain_rule(account: Figures, named: Mapping[str, str]) -> str:
    """The best single feature as a rule that needs no model; "" if there is none."""
    rule = account.get("plain_rule")
    if not rule or not rule["words"]:
        return ""
    own = rule["against"][account["chosen"]]
    word = (
        "as many"
        if own == rule["true_alerts"]
        else "more"
        if own > rule["true_alerts"]
        else "fewer"
    )
    return (
        f"The plain rule {rule['words']} needs no model, and {rule['true_alerts']:,} of its"
        f" {rule['alerts']:,} alerts are true; {named[account['chosen']]} with as many alerts"
        f" shows {word}"
        f"{'' if word == 'as many' else f' ({own:,})'}."
    )


def beside(found: Figures) -> str:
    """Compare the model with the version that scores now, on days that neither had learnt from."""
    version = found["version"]
    if found["why_not"]:
        return (
            f"It is not compared with {version}, which scores now: {_about_it(found['why_not'])}."
        )
    own = (found["true_alerts"], found["alerts"])
    other = (found["incumbent_true_alerts"], found["incumbent_alerts"])
    sure = found["finds_more"] if own[0] > other[0] else found["finds_fewer"]
    told = against(own, other, f"the version that scores now, {version},", sure=sure)
    mine, its = (found.get(f"{whose}unlabelled", 0) for whose in ("", "incumbent_"))
    if mine or its:
        told += (
            f" {mine:,} of this version's alerts and {its:,} of that version's have no label, and"
            " count as not true."
        )
        behind, ahead = sorted((own[0], other[0]))
        unknown = its if own[0] > other[0] else mine  # of the version with fewer true alerts
        if behind < ahead <= behind + unknown:
            told += " Their verdicts could reverse the order."
    return (
        f"{told} Both were judged on the days from {found['since']} to {found['until']}, which"
        " neither had learnt from."
    )


def benign(at: Figures, counts_as: str | None) -> str:
    """How much depends on benign positives; "" if no alert is one."""
    true, false = at["precision_benign_true"], at["precision_benign_false"]
    if true is None or false is None or true == false:
        return ""
    here = f" This page counts them as {counts_as}." if counts_as else ""
    return (
        "Much depends on benign positives, which are correct alerts on permitted activity: if"
        f" they count as true, {percent(true)} of the alerts are true; if they count as false,"
        f" {percent(false)}.{here}"
    )


def ageing(weeks: Sequence[Figures]) -> str:
    """How the ranking changes from week to week; "" if fewer than two weeks have one."""
    found = [w["average_precision"] for w in weeks if w["average_precision"] is not None]
    if len(found) < 2:
        return ""
    first, last = found[0], found[-1]
    if last < first - FALL:
        return (
            f"Ranking falls from {first:.2f} in the first week to {last:.2f} in the last: the"
            " model ages, so train more often."
        )
    if last > first + FALL:
        return f"Ranking rises from {first:.2f} in the first week to {last:.2f} in the last."
    return (
        f"Ranking is {first:.2f} in the first week and {last:.2f} in the last; it lies between"
        f" {min(found):.2f} and {max(found):.2f}."
    )


def calibration(groups: Sequence[Figures]) -> tuple[str, bool]:
    """A sentence on whether scores are probabilities, and whether they are; "" if unknown."""
    known = [g for g in groups if g["units"]]
    if not known:
        return "", True
    off = [g for g in known if _off(g)]
    if not off:
        many = f"all {len(known)} groups" if len(known) > 1 else "the one group"
        said = f"Scores can be read as probabilities: in {many}, about as many events were true"
        return f"{said} as predicted.", True
    worst = max(off, key=lambda g: g["units"] * abs(g["true"] - g["said"]))
    over = sum(g["true"] < g["said"] for g in off)
    word = (
        "too high"
        if over == len(off)
        else "too low"
        if not over
        else "partly too high and partly too low"
    )
    said = (
        f"Scores are {word} as probabilities: in {len(off)} of {len(known)} groups, more or fewer"
        f" events were true than predicted. Where {_percent(worst['said'])} was predicted,"
        f" {_percent(worst['true'])} of {worst['units']:,} were true. Sort alerts by risk, and do"
        " not read a score as a probability."
    )
    return said, False


def entities(every: Figures, field: str) -> str:
    """A summary of all entities, each with the same weight."""
    said = f"{every['alerted']:,} values of {field} had alerts"
    if every["mean_precision"] is not None:
        said += f"; on average {percent(every['mean_precision'])} of a value's alerts were true"
    said += f". Of {every['attacked']:,} that were attacked, {every['found']:,} were found."
    if every["worst"]:
        others = every.get("worst_others", 0)
        said += (
            f" {every['worst']} has the most alerts that were not true,"
            f" {every['worst_false_alerts']:,}"
            + (f"; so {'has' if others == 1 else 'have'} {others:,} more" if others else "")
            + "."
        )
    return said


def _off(group: Figures) -> bool:
    """Whether a group's shares differ by more than chance, and by enough to matter."""
    said, true = group["said"], group["true"]
    chance = math.sqrt(max(said * (1 - said), 1e-9) / group["units"])
    low, high = sorted((said, true))
    return bool(abs(true - said) > _SURE * chance and high > _FACTOR * low)


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.1 or not share else f"{share * 100:.2g}%"


def _about_it(why: str) -> str:
    """*why*, which begins with "it", as a sentence about the version that scores now."""
    return why.replace("it ", "that version ", 1) if why.startswith("it ") else why


def _upper(name: str) -> str:
    return name[:1].upper() + name[1:]
