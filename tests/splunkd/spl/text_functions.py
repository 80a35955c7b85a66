"""Functions of ``eval`` on text."""

import hashlib
import ipaddress
import json
import re
from functools import lru_cache
from urllib.parse import quote, unquote

from tests.splunkd.spl.functions import Result, Table, like, on_text, scalar, texts
from tests.splunkd.spl.values import SearchFailed, number, one_or_many, text


@lru_cache(maxsize=256)
def like_pattern(pattern: str) -> re.Pattern[str]:
    """LIKE's pattern as an expression."""
    escaped = re.escape(pattern).replace("%", ".*").replace("_", ".")
    return re.compile(escaped + r"\Z", re.DOTALL)


@lru_cache(maxsize=256)
def regex(pattern: str) -> re.Pattern[str]:
    """A regular expression; named groups as PCRE writes them."""
    try:
        return re.compile(re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", pattern))
    except re.error as error:
        raise SearchFailed(f"The regex '{pattern}' is invalid: {error}.") from error


def _substr(values: list[Result]) -> Result:
    whole, start = scalar(values[0]), number(values[1])
    if whole is None or start is None:
        return None
    first = int(start) - 1 if start > 0 else len(text(whole)) + int(start)
    rest = text(whole)[max(first, 0) :]
    length = number(values[2]) if len(values) > 2 else None
    return rest if length is None else rest[: max(0, int(length))]


def _replace(values: list[Result]) -> Result:
    given = texts(values)
    if given is None:
        return None
    return regex(given[1]).sub(re.sub(r"\\(\d)", r"\\g<\1>", given[2]), given[0])


def _match(values: list[Result]) -> Result:
    given = texts(values)
    return None if given is None else regex(given[1]).search(given[0]) is not None


def _cidrmatch(values: list[Result]) -> Result:
    given = texts(values)
    if given is None:
        return None
    try:
        return ipaddress.ip_address(given[1]) in ipaddress.ip_network(given[0], strict=False)
    except ValueError:
        return False


def _strip(values: list[Result], side: str) -> Result:
    given = texts(values)
    if given is None:
        return None
    away = given[1] if len(given) > 1 else " \t"
    if side == "left":
        return given[0].lstrip(away)
    return given[0].rstrip(away) if side == "right" else given[0].strip(away)


def _tostring(values: list[Result]) -> Result:
    value = values[0]
    if isinstance(value, bool):
        return "True" if value else "False"
    single = scalar(value)
    if single is None:
        return None
    form = str(scalar(values[1]) or "") if len(values) > 1 else ""
    as_number = number(single)
    if not form or as_number is None:
        return text(single)
    if form == "commas":
        return f"{as_number:,.2f}".removesuffix(".00")
    if form == "hex":
        return hex(int(as_number))
    if form == "duration":
        minutes, seconds = divmod(int(as_number), 60)
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24)
        clock = f"{hours:02d}:{minutes:02d}:{seconds:02d}"
        return f"{days}+{clock}" if days else clock
    raise SearchFailed("The arguments to the 'tostring' function are invalid.")


def _json_object(values: list[Result]) -> Result:
    pairs = {
        text(name): _json_value(value)
        for name, value in zip(map(scalar, values[::2]), values[1::2], strict=True)
        if name is not None
    }
    return json.dumps(pairs, separators=(",", ":"))


def _json_value(value: Result) -> object:
    """Text stays text, as Splunk's json_object has it."""
    return value


def _json_array(values: list[Result]) -> Result:
    return json.dumps([_json_value(value) for value in values], separators=(",", ":"))


def _json_extract(values: list[Result]) -> Result:
    """What is at a path such as ``a.b{}.c``; all of a list as a JSON array."""
    given = texts(values)
    if given is None:
        return None
    try:
        found: list[object] = [json.loads(given[0])]
    except json.JSONDecodeError:
        return None
    all_of_list = False
    for name, place, braces in re.findall(r"([^.{}]+)|\{(\d+)\}|(\{\})", given[1]):
        if name:
            found = [each[name] for each in found if isinstance(each, dict) and name in each]
        elif place:
            lists = [each for each in found if isinstance(each, list) and len(each) > int(place)]
            found = [each[int(place)] for each in lists]
        elif braces:
            all_of_list = True
            found = [inner for each in found if isinstance(each, list) for inner in each]
    if all_of_list:
        return json.dumps(found, separators=(",", ":"), ensure_ascii=False) if found else None
    return _from_json(found[0]) if found else None


def _from_json(value: object) -> Result:
    if value is None:
        return None
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _json_array_to_mv(values: list[Result]) -> Result:
    given = texts(values[:1])
    if given is None:
        return None
    try:
        found = json.loads(given[0])
    except json.JSONDecodeError:
        return None
    if not isinstance(found, list):
        return None
    made = (_from_json(value) for value in found)
    return one_or_many(str(value) for value in made if value is not None)


def _printf(values: list[Result]) -> Result:
    single = [scalar(value) for value in values]
    if any(value is None for value in single):
        return None
    form = str(single[0])
    kinds = re.findall(r"%[-+0 #']*[\d.]*([a-zA-Z%])", form)
    arguments = [
        float(number(v) or 0) if kind in "feEgG" else int(number(v) or 0) if kind in "dixX" else v
        for kind, v in zip([k for k in kinds if k != "%"], single[1:], strict=False)
    ]
    return form % tuple(arguments)


TEXTS: Table = {
    "lower": (1, 1, on_text(str.lower)),
    "upper": (1, 1, on_text(str.upper)),
    "len": (1, 1, on_text(len)),
    "substr": (2, 3, _substr),
    "replace": (3, 3, _replace),
    "match": (2, 2, _match),
    "like": (2, 2, lambda values: like(values[0], values[1])),
    "cidrmatch": (2, 2, _cidrmatch),
    "trim": (1, 2, lambda values: _strip(values, "both")),
    "ltrim": (1, 2, lambda values: _strip(values, "left")),
    "rtrim": (1, 2, lambda values: _strip(values, "right")),
    "tostring": (1, 2, _tostring),
    "urlencode": (1, 1, on_text(lambda value: quote(value, safe=""))),
    "urldecode": (1, 1, on_text(unquote)),
    "md5": (1, 1, on_text(lambda v: hashlib.md5(v.encode(), usedforsecurity=False).hexdigest())),
    "sha1": (1, 1, on_text(lambda v: hashlib.sha1(v.encode(), usedforsecurity=False).hexdigest())),
    "sha256": (1, 1, on_text(lambda value: hashlib.sha256(value.encode()).hexdigest())),
    "sha512": (1, 1, on_text(lambda value: hashlib.sha512(value.encode()).hexdigest())),
    "json_object": (0, 98, _json_object),
    "json_array": (0, 99, _json_array),
    "json_extract": (2, 2, _json_extract),
    "json_array_to_mv": (1, 2, _json_array_to_mv),
    "json_valid": (1, 1, lambda values: _valid(values[0])),
    "printf": (1, 99, _printf),
}


def _valid(value: Result) -> Result:
    try:
        json.loads(text(scalar(value) or ""))
    except json.JSONDecodeError:
        return False
    return True
