"""What a connection file may say of Kibana."""

import pytest

from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.errors import ConfigError

GOOD = {"hosts": ["https://es:9200"], "api_key": "abc", "kibana": "https://kibana:5601/base"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kibana": "kibana:5601"}, "kibana is not https://HOST:PORT"),
        ({"kibana": "https://kibana:many"}, "kibana is not https://HOST:PORT"),
        ({"kibana": "https://kibana/?a=1"}, "kibana is not https://HOST:PORT"),
        ({"kibana": "https://ada:x@kibana"}, "kibana contains a user or password"),
        ({"kibana": "https://kibana/s/soc"}, "write the space under space"),
        ({"kibana": "https://kibana/app/security"}, "kibana contains a path to a page"),
        ({"space": "Soc 1"}, "space: write the id of a space: lower-case letters, digits, _ and -"),
        (
            {"verdicts": {"approved": "maybe"}},
            "verdicts.approved: a reason must mean one of true_pos",
        ),
        ({"verdicts": {"approved": "maybe"}}, "undetermined, ignore"),
        ({"verdicts": {"approved": ["ignore"]}}, "a reason must mean one of"),
        ({"kibana": None, "space": "soc"}, "space needs kibana"),
        ({"kibana": None, "kibana_api_key_file": "/x"}, "kibana_api_key_file needs kibana"),
        ({"kibana_api_key": "a", "kibana_api_key_file": "/x"}, "are both set"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match="connection 'main'") as wrong:
        ElasticSettings.of("main", GOOD | changes)
    assert said in wrong.value.message
    assert "abc" not in wrong.value.message + wrong.value.hint


def test_without_kibana_nothing_of_it_is_asked_for() -> None:
    found = ElasticSettings.of("main", {"hosts": ["https://es:9200"]})
    assert found.kibana is None
    assert found.space == "default"
