"""Chooses the field of a sample that names whom alerts are about."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from scoreback.models.detector.profile import Field

ITSELF = "event_id"  # each event stands for itself; every event has this column
_FIRST = (
    "host.name", "source.ip", "user.name", "host.ip", "destination.ip", "host.id", "user.id",
    "process.entity_id", "vulnerability.id",
)  # fmt: skip
# Names of machines, addresses and people in exports; compared by their last words.
_CALLED = (
    ("host name", "hostname", "host", "computer name", "computername", "computer", "device name",
     "device", "machine name", "machine", "workstation", "endpoint", "asset", "server"),
    ("src ip", "source ip", "srcip", "sourceip", "src addr", "saddr", "source address",
     "source ip address", "client ip", "c ip", "orig h", "src", "remote addr", "remote ip"),
    ("user name", "username", "user", "account name", "account", "login", "user id", "userid",
     "email", "sender", "principal", "actor", "subject user name", "employee"),
    ("ip", "ip address", "ipaddress", "address", "dst ip", "dest ip", "dstip", "destip",
     "destination ip", "destination address", "dest", "dst", "resp h"),
)  # fmt: skip
# Numbers that identify somebody: "users" may be a count, "user id" hardly.
_NUMBERED = (
    "host id", "hostid", "device id", "deviceid", "asset id", "assetid", "endpoint id",
    "user id", "userid", "uid", "account id", "accountid", "employee id", "employee number",
    "customer id", "customerid", "client id", "subscriber id", "card id",
)  # fmt: skip
_RARELY = 0.5  # a field missing in this share of events cannot be the entity
_HARDLY = 1.5  # events per value; with fewer, a cap would have no effect
_DIFFER, _REPEAT = 5, 3  # distinct values, and events per value, of a field that is no entity


@dataclass(frozen=True, slots=True)
class Entity:
    """The field, and why it was chosen."""

    field: str
    why: str


def entity_among(
    fields: Sequence[Field], left_out: Collection[str], told: Mapping[str, float]
) -> Entity:
    """Choose the entity among *fields*: by its name, else one that repeats, else each event itself.

    Args:
        fields: the fields of the sample.
        left_out: names that cannot be the entity: labels, times, what is known afterwards.
        told: how much each field tells about the label; the most telling one is better as a
            feature.
    """
    able = [
        f for f in fields
        if f.name not in left_out and f.missing < _RARELY and f.distinct > 1
        and f.kind not in ("time", "empty")
    ]  # fmt: skip
    called = _called(able)
    best = max(told, key=lambda name: told[name], default="") if any(told.values()) else ""
    if called is not None:
        return Entity(called.name, _counted(called) + _aside(called, best))
    coming_again = [
        f for f in able
        if f.kind in ("name", "address") and f.distinct >= _DIFFER and f.repeats >= _REPEAT
        and f.name != best
    ]  # fmt: skip
    if coming_again:
        found = max(coming_again, key=lambda f: (f.kind == "address", f.distinct))
        return Entity(found.name, f"a GUESS, as its values repeat: {_counted(found)}")
    return Entity(
        ITSELF,
        "no field seems to name whom alerts are about, so each event stands for itself, and"
        " alerts.per_entity and throttle have no effect",
    )


def _called(able: Sequence[Field]) -> Field | None:
    names = {f.name: f for f in able}
    for name in _FIRST:
        if name in names:
            return names[name]
    coming_again = [f for f in able if f.repeats > _HARDLY]
    named = [f for f in coming_again if f.kind != "number"]
    numbered = [f for f in coming_again if f.kind == "number" and f.distinct >= _DIFFER]
    found = _by_last_words(named, [called for group in _CALLED for called in group])
    return found or _by_last_words(numbered, _NUMBERED)


def _by_last_words(fields: Sequence[Field], names: Sequence[str]) -> Field | None:
    """The field whose name ends with the first of *names* that any ends with."""
    for words in (name.split() for name in names):
        for field in fields:
            if list(field.words[-len(words) :]) == words:
                return field
    return None


def _counted(field: Field) -> str:
    if field.repeats < _HARDLY:
        return (
            "nearly every event has its own value, so alerts.per_entity and throttle have no effect"
        )
    return f"{field.distinct:,} values, each in about {field.repeats:,.0f} events of the sample"


def _aside(field: Field, best: str) -> str:
    if field.kind == "number":
        return "; it is a NUMBER: does it identify anybody?"
    if field.name == best:
        return "; it also tells most about the label: add it as a category if it is known in time"
    return ""
