"""What the file of a connection to Splunk may say."""

from pathlib import Path

import pytest

from scoreback.connectors.splunk.settings import SplunkSettings
from scoreback.errors import ConfigError

GOOD = {"url": "https://splunk:8089", "token": "abc"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": ""}, "url is missing"),
        ({"url": "splunk:8089"}, "not https://HOST:PORT"),
        ({"url": "https://splunk:8089/services"}, "not https://HOST:PORT"),
        ({"url": "https://ada:x@splunk:8089"}, "contains a user or password"),
        ({"url": "https://splunk:notaport"}, "not https://HOST:PORT"),
        ({"hec_url": "https://splunk:8088"}, "hec_url needs hec_token_file"),
        ({"web_url": "splunk:8000"}, "web_url is not https://HOST:PORT"),
        ({"web_url": "https://ada:x@splunk:8000"}, "web_url contains a user"),
        ({"user": "ada"}, "both given"),
        ({"token": None}, "name token_file"),
        ({"token": None, "user": "ada"}, "a user needs password_file"),
        ({"token_file": "/etc/hostname"}, "token and token_file are both set"),
        ({"indexx": "a"}, "no such setting"),
        ({"index": "Bad Name"}, "index"),
        ({"app": "../other"}, "app"),
        ({"searches": 0}, "searches"),
        ({"target": "moon"}, "target"),
    ],
)
def test_what_is_wrong_is_named_and_no_value_is_repeated(
    changes: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError, match="connection 'main'") as wrong:
        SplunkSettings.of("main", GOOD | changes)
    assert said in wrong.value.message
    assert wrong.value.hint
    assert "abc" not in wrong.value.message + wrong.value.hint


def test_secrets_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCOREBACK_SPLUNK_TOKEN", "from-outside")
    found = SplunkSettings.of("main", {"url": "https://splunk:8089"})
    assert found.secret("token") == "from-outside"
    assert "from-outside" not in repr(found)


def test_a_file_that_others_can_read_is_no_place_for_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("abc\n", encoding="ascii")
    file.chmod(0o644)
    found = SplunkSettings.of("main", {"url": "https://splunk:8089", "token_file": str(file)})
    with pytest.raises(ConfigError, match="is readable by others"):
        found.secret("token")
    file.chmod(0o600)
    assert found.secret("token") == "abc"


def test_a_token_that_no_header_can_hold_is_refused_without_being_shown() -> None:
    found = SplunkSettings.of("main", {"url": "https://splunk:8089", "token": "a bc"})
    with pytest.raises(ConfigError, match="contains characters that a secret cannot have") as wrong:
        found.secret("token")
    assert "a bc" not in str(wrong.value)


@pytest.mark.parametrize(("given", "meant"), [(True, "true"), (False, "false"), ("auto", "auto")])
def test_whether_enterprise_security_is_used_can_be_written_as_yaml_has_it(
    given: object, meant: str
) -> None:
    assert SplunkSettings.of("main", GOOD | {"enterprise_security": given}).enterprise_security == (
        meant
    )
