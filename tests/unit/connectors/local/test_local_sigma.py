"""The embedded SIEM takes what a Sigma rule selects into a stream of its own."""

from scoreback.connectors.local.sigma import LocalSigma


def test_a_rule_becomes_a_stream_that_is_called_like_the_detector() -> None:
    found = LocalSigma().translate({"title": "T"})
    assert found.fallback
    assert found.selection("whoami", {"host.name": ""}) == {"stream": "whoami"}
    assert "load the events that the rule selects into this stream" in " ".join(found.hints)
