"""What `check` says of closings whose meaning nobody has told."""

from typing import Any

import pytest

from scoreback.connectors.elastic.kibana.labels.checks import verdict_findings
from scoreback.connectors.elastic.kibana.labels.meanings import Meanings
from scoreback.errors import SiemRefused
from scoreback.records import Verdict


class Node:
    """Answers one aggregation."""

    def __init__(self, reasons: list[str], tags: list[str], timeless: int = 0) -> None:
        self.reasons, self.tags, self.timeless = reasons, tags, timeless

    def search(self, _index: str, _body: object, **_: object) -> dict[str, Any]:
        def buckets(names: list[str]) -> dict[str, Any]:
            return {"buckets": [{"key": name, "doc_count": 1_200} for name in names]}

        return {
            "aggregations": {
                "reasons": buckets(self.reasons),
                "silent": {"tags": buckets(self.tags)},
                "timeless": {"doc_count": self.timeless},
            }
        }


def said(node: Any, own: dict[str, Verdict] | None = None) -> list[str]:  # noqa: ANN401
    found = list(verdict_findings(node, "default", Meanings(dict(own or {}))))
    assert not any(one.fatal for one in found)
    return [one.what for one in found]


def test_reasons_and_tags_that_are_known_need_no_word() -> None:
    node = Node(["true_positive", "duplicate", "other"], ["False Positive", "Duplicate",
                 "Further investigation required"])  # fmt: skip
    assert said(node) == []


def test_what_has_no_meaning_is_named_with_how_often() -> None:
    (reasons, tags, timeless) = said(Node(["Red team", "other"], ["ticket", "Red Team"], 3))
    assert "'Red team' (1,200)" in reasons
    assert "other" not in reasons
    assert "'ticket' (1,200), 'Red Team' (1,200)" in tags
    assert timeless.startswith("3 closed alerts do not say when")
    own = {"red team": Verdict.TRUE_POSITIVE}
    (left,) = said(Node(["Red team"], ["ticket", "Red Team"]), own)
    assert "Red" not in left


def test_of_many_a_few_are_shown() -> None:
    (reasons,) = said(Node([f"r{n}" for n in range(9)], []))
    assert "'r4' (1,200) and 4 more" in reasons


def test_a_space_without_alerts_has_nothing_to_say() -> None:
    class Empty(Node):
        def search(self, *_: object, **__: object) -> Any:  # noqa: ANN401
            return None

    assert said(Empty([], [])) == []


def test_a_missing_right_is_named() -> None:
    class Denied(Node):
        def search(self, *_: object, **__: object) -> Any:  # noqa: ANN401
            raise SiemRefused("no right", hint="")

    (only,) = list(verdict_findings(Denied([], []), "soc", Meanings({})))  # type: ignore[arg-type]
    assert "no right" in only.what
    assert ".alerts-security.alerts-soc" in only.fix


@pytest.mark.parametrize("verdict", list(Verdict))
def test_each_verdict_can_be_said_and_read_again(verdict: Verdict) -> None:
    from scoreback.connectors.elastic.kibana.labels.meanings import REASONS, TAGS

    meanings = Meanings({})
    assert meanings.of(REASONS[verdict]) is verdict
    if verdict in TAGS:
        assert meanings.of(None, [TAGS[verdict]]) is verdict
    else:
        assert meanings.of(None) is verdict
