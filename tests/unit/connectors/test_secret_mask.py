"""Secrets of a connection in what a server answers."""

import base64

import pytest

from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.connectors.secret_mask import SecretMask
from scoreback.connectors.splunk.settings import SplunkSettings

_GIVEN = {"user": "us", "password": "first word"}


@pytest.fixture(
    params=[
        ElasticSettings.of("siem", {"hosts": ["https://siem:9200"], **_GIVEN}),
        SplunkSettings.of("siem", {"url": "https://siem:8089", **_GIVEN}),
    ],
    ids=["elastic", "splunk"],
)
def mask(request: pytest.FixtureRequest) -> SecretMask:
    return SecretMask(request.param)


def test_a_password_is_hidden(mask: SecretMask) -> None:
    assert mask.hide("wrong: first word!") == "wrong: ***!"


def test_a_password_is_hidden_as_basic_authentication_has_it(mask: SecretMask) -> None:
    sent = base64.b64encode(b"us:first word").decode()
    assert mask.hide(f"Authorization: Basic {sent}") == "Authorization: Basic ***"


def test_a_secret_that_lies_within_another_leaves_nothing_of_it() -> None:
    given = {"url": "https://siem:8089", "hec_url": "https://siem:8088"}
    secrets = {"token": "abc", "hec_token": "abcdef"}
    settings = SplunkSettings.of("siem", {**given, **secrets})
    assert SecretMask(settings).hide("abcdef and abc") == "*** and ***"
