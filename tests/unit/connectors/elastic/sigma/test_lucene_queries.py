"""Drafted Lucene queries parse, and select the events that the Sigma rule means.

The grammar is that of Elasticsearch's ``query_string``, as its reference describes it, read by a
parser of this file. It is stricter than the server's: AND beside OR without parentheses, whose
order of evaluation is a trap, is refused. No server is asked here.
"""

import re
from collections.abc import Callable, Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoreback.connectors.elastic.sigma import ElasticSigma

Event = Mapping[str, str]
Test = Callable[[Event], bool]

TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<open>\()|(?P<close>\))"
    r"|(?P<quoted>\"(?:[^\"\\]|\\.)*\")|(?P<regex>/(?:[^/\\]|\\.)*/)"
    r"|(?P<range>[<>]=?)|(?P<colon>:)"
    r"|(?P<term>(?:\\.|[^\s+\-!():^\[\]\"{}~/\\<>])(?:\\.|[^\s!():^\[\]\"{}~/\\])*)",
    re.DOTALL,
)
OPERATORS = ("AND", "OR", "NOT", "TO")


class Parser:
    """Reads a query into a function that tells whether it selects an event."""

    def __init__(self, query: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(query):
            match = TOKEN.match(query, at)
            assert match, f"cannot be read from {query[at:]!r}"
            if match.lastgroup != "space":
                self.tokens.append((str(match.lastgroup), match[0]))
            at = match.end()

    def parse(self) -> Test:
        found = self.either(None)
        assert not self.tokens, f"left over: {self.tokens}"
        return found

    def either(self, field: str | None) -> Test:
        parts, operators = [self.clause(field)], set()
        while self.tokens and self.tokens[0][0] != "close":
            kind, word = self.tokens.pop(0)
            assert kind == "term", word
            assert word in ("AND", "OR"), f"no operator before {word}"
            operators.add(word)
            parts.append(self.clause(field))
        assert len(operators) < 2, "AND beside OR"
        every = operators == {"AND"}
        return lambda event: (all if every else any)(part(event) for part in parts)

    def clause(self, field: str | None) -> Test:
        kind, word = self.tokens.pop(0)
        if (kind, word) == ("term", "NOT"):
            inner = self.clause(field)
            return lambda event: not inner(event)
        if kind == "open":
            found = self.either(field)
            assert self.tokens.pop(0)[0] == "close"
            return found
        if field is None:
            assert kind == "term", word
            assert word not in OPERATORS, word
            assert self.tokens.pop(0)[0] == "colon"
            if self.tokens[0][0] == "open":
                return self.clause(word)
            return self.value(word, *self.tokens.pop(0))
        return self.value(field, kind, word)

    def value(self, field: str, kind: str, word: str) -> Test:
        if field == "_exists_":
            return lambda event: word in event
        if kind == "quoted":
            plain = re.sub(r"\\(.)", r"\1", word[1:-1], flags=re.DOTALL)
            return lambda event: event.get(field) == plain
        if kind == "regex":
            inner = word[1:-1]
            return lambda event: (
                field in event and bool(re.fullmatch(inner, event[field], re.DOTALL))
            )
        assert kind == "term", f"{kind} {word!r} as a value"
        assert word not in OPERATORS, f"{word} is an operator"
        signs = re.findall(r"\\.|.", word, re.DOTALL)
        if not {"*", "?"} & set(signs):
            assert signs[0] not in (r"\<", r"\>"), "escaped or not, it begins a range"
        pattern = "".join({"*": ".*", "?": "."}.get(s, re.escape(s[-1])) for s in signs)
        return lambda event: field in event and bool(re.fullmatch(pattern, event[field], re.DOTALL))


WORDS = st.one_of(
    st.text(alphabet='ab +-=&|!(){}[]<>^"~:/,ü', min_size=1, max_size=6),
    st.sampled_from(["AND", "OR", "NOT", "TO", "a AND b", "<a", ">", "a\\b", "//", "-a", "a b"]),
)
MODIFIERS = ("", "|contains", "|startswith", "|endswith")
FIELDS = ("f1", "f2", "g.h")
ITEMS = st.tuples(
    st.sampled_from(FIELDS), st.sampled_from(MODIFIERS), st.lists(WORDS, min_size=1, max_size=3)
)
NOTHING = st.tuples(st.sampled_from(FIELDS), st.just("null"), st.just(["x"]))
DETECTIONS = st.lists(st.one_of(ITEMS, NOTHING), min_size=1, max_size=3)
CONDITIONS: Mapping[str, Callable[[bool, bool], bool]] = {
    "s1 and s2": lambda a, b: a and b,
    "s1 or s2": lambda a, b: a or b,
    "s1 and not s2": lambda a, b: a and not b,
    "not (s1 or s2)": lambda a, b: not (a or b),
    "not s1 and not s2": lambda a, b: not a and not b,
    "1 of s*": lambda a, b: a or b,
    "all of s*": lambda a, b: a and b,
    "(s1 or s2) and not (s1 and s2)": lambda a, b: a != b,
}
Item = tuple[str, str, list[str]]


def as_sigma(items: list[Item]) -> list[dict[str, object]] | dict[str, object]:
    """A mapping, whose items all hold; each key once."""
    return {
        field if modifier == "null" else field + modifier: None if modifier == "null" else values
        for field, modifier, values in items
    }


def holds(detection: Mapping[str, object], event: Event) -> bool:
    return all(_holds(key, values, event) for key, values in detection.items())


def _holds(key: str, values: object, event: Event) -> bool:
    field, _, modifier = key.partition("|")
    if values is None:
        return field not in event
    assert isinstance(values, list)
    there = event.get(field)
    tests: dict[str, Callable[[str, str], bool]] = {
        "": lambda t, v: t == v,
        "contains": lambda t, v: v in t,
        "startswith": lambda t, v: t.startswith(v),
        "endswith": lambda t, v: t.endswith(v),
    }
    return there is not None and any(tests[modifier](there, value) for value in values)


@given(
    first=DETECTIONS, second=DETECTIONS, condition=st.sampled_from(sorted(CONDITIONS)),
    event=st.dictionaries(st.sampled_from(FIELDS), WORDS), as_asked=st.booleans(), data=st.data(),
)  # fmt: skip
@settings(max_examples=80, suppress_health_check=list(HealthCheck))
def test_a_query_parses_and_selects_what_the_rule_means(
    first: list[Item], second: list[Item],
    condition: str, event: Event, as_asked: bool, data: st.DataObject,
) -> None:  # fmt: skip
    one, two = as_sigma(first), as_sigma(second)
    rule = {
        "title": "T", "logsource": {"product": "x"},
        "detection": {"s1": one, "s2": two, "condition": condition},
    }  # fmt: skip
    query = str(ElasticSigma().translate(rule).words["query"])
    selects = Parser(query).parse()
    # Half of the events take a value that the rule asks for, so that both answers come up.
    asked = [(f, v) for f, m, values in first + second for v in values if m != "null"]
    if asked and as_asked:
        name, value = data.draw(st.sampled_from(asked))
        event = {**event, name: value}
    expected = CONDITIONS[condition](holds(one, event), holds(two, event))  # type: ignore[arg-type]
    assert selects(event) == expected, query


@pytest.mark.parametrize(
    "query",
    ["a:AND", "a:b OR", "a:(b", "a:b c", "a:b AND c:d OR e:f", r"a:\>5", "a: OR b:c", 'a:"b'],
)
def test_the_parser_of_this_file_refuses_what_a_server_would_misread(query: str) -> None:
    with pytest.raises((AssertionError, IndexError)):
        Parser(query).parse()
