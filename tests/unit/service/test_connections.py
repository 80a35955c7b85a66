"""The file of a connection: what it says is passed on, and its secrets show nowhere."""

from datetime import timedelta
from pathlib import Path

import pytest

from scoreback.connectors.doors import Facts
from scoreback.errors import ConfigError
from scoreback.service.app import opened
from scoreback.service.connections import connection_of
from scoreback.service.settings import Settings

SECRET = "hunter2-hunter2"  # noqa: S105 - not one


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SCOREBACK_{name.upper()}", raising=False)


def write(home: Path, text: str, name: str = "prod", mode: int = 0o600) -> Path:
    path = home / "connections" / f"{name}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_without_settings_the_embedded_siem_of_the_workspace_is_meant(tmp_path: Path) -> None:
    found = connection_of(Settings(home=tmp_path))
    assert (found.name, found.connector) == ("local", "local")
    assert found.settings == {"path": str(tmp_path / "siem")}


def test_choosing_the_connection_suffices_when_its_file_names_the_connector(
    tmp_path: Path,
) -> None:
    write(tmp_path, "connector: elastic\nhosts: [https://a:9200]\nrequest_timeout: 30\n")
    found = connection_of(Settings(home=tmp_path, connection="prod"))
    assert (found.name, found.connector) == ("prod", "elastic")
    assert found.settings == {"hosts": ["https://a:9200"], "request_timeout": 30}


def test_the_setting_names_the_connector_that_the_file_leaves_out(tmp_path: Path) -> None:
    write(tmp_path, "hosts: [https://a:9200]\n")
    found = connection_of(Settings(home=tmp_path, connection="prod", connector="elastic"))
    assert found.connector == "elastic"
    with pytest.raises(ConfigError, match="no connector is set"):
        connection_of(Settings(home=tmp_path, connection="prod"))


def test_a_file_and_a_setting_that_disagree_are_refused_with_the_line(tmp_path: Path) -> None:
    path = write(tmp_path, "# ours\nconnector: elastic\n")
    with pytest.raises(ConfigError) as caught:
        connection_of(Settings(home=tmp_path, connection="prod", connector="splunk"))
    assert str(caught.value).startswith(f"{path}:2: ")
    assert "unset SCOREBACK_CONNECTOR" in caught.value.hint


def test_another_file_can_be_named(tmp_path: Path) -> None:
    elsewhere = write(tmp_path / "x", "connector: elastic\n", "other")
    settings = Settings(home=tmp_path, connection="prod", connection_file=elsewhere)
    assert connection_of(settings).connector == "elastic"
    gone = Settings(home=tmp_path, connection_file=tmp_path / "gone.yml")
    with pytest.raises(ConfigError, match=r"gone\.yml does not exist"):
        connection_of(gone)


@pytest.mark.parametrize(
    "chosen", [{"connection": "prdo"}, {"connector": "elastic"}], ids=["misspelt", "no file"]
)
def test_a_missing_file_is_named_with_the_remedy(tmp_path: Path, chosen: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        connection_of(Settings(home=tmp_path, **chosen))  # type: ignore[arg-type]  # by name
    assert f"connections/{chosen.get('connection', 'local')}.yml does not exist" in str(
        caught.value
    )
    assert "SCOREBACK_CONNECTION_FILE" in caught.value.hint


def test_an_embedded_siem_may_lie_elsewhere_and_be_called_otherwise(tmp_path: Path) -> None:
    named = Settings(home=tmp_path, connection="lab", connector="local")
    assert connection_of(named).settings == {"path": str(tmp_path / "siem")}
    write(tmp_path, f"connector: local\npath: {tmp_path / 'far'}\n", "lab")
    with opened(Settings(home=tmp_path / "", connection="lab")) as app:
        assert (app.settings.connector, app.connector.name) == ("local", "lab")
    assert (tmp_path / "far").is_dir()


def test_a_name_that_would_leave_the_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot name a connection"):
        connection_of(Settings(home=tmp_path, connection="../prod"))


@pytest.mark.parametrize(
    ("text", "line"),
    [("connector: elastic\nhosts: [a\n", 3), ("- a\n", 1), ("a: 1\na: 2\n", 2), ("a: &x 1\n", 1)],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        connection_of(Settings(home=tmp_path, connection="prod"))
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        (f"connector: elastic\napi_key: {SECRET}\n", 2, "api_key"),
        (f"connector: elastic\nkibana:\n  password: {SECRET}\n", 3, "kibana.password"),
        (f"connector: elastic\nhec_token: {SECRET}\n", 2, "hec_token"),
        (f"connector: elastic\nhosts:\n  - https://me:{SECRET}@a:9200\n", 3, "hosts[0]"),
    ],
)
def test_a_file_with_a_secret_that_others_can_read_is_refused(
    tmp_path: Path, text: str, line: int, key: str
) -> None:
    path = write(tmp_path, text, mode=0o640)
    settings = Settings(home=tmp_path, connection="prod")
    with pytest.raises(ConfigError) as caught:
        connection_of(settings)
    assert f"{path}:{line}: {key} looks like a secret" in str(caught.value)
    assert caught.value.hint == f"chmod 600 {path}"
    assert SECRET not in str(caught.value)
    path.chmod(0o600)
    assert connection_of(settings).connector == "elastic"


def test_a_file_that_only_says_where_secrets_are_kept_may_be_read_by_others(
    tmp_path: Path,
) -> None:
    write(tmp_path, "connector: elastic\napi_key_file: key.txt\npassword:\n", mode=0o644)
    found = connection_of(Settings(home=tmp_path, connection="prod"))
    assert found.settings == {"api_key_file": "key.txt", "password": None}


@pytest.mark.parametrize(
    "written",
    [f"!{SECRET}", f"!<{SECRET}>", f"!{SECRET}!x", f"%{SECRET}", f"&{SECRET}", f"*{SECRET}",
     f"'{SECRET}", f"{{{SECRET}", f"a: {SECRET}: b", f"@{SECRET}", f"`{SECRET}"],
)  # fmt: skip
def test_no_error_shows_what_the_file_holds(tmp_path: Path, written: str) -> None:
    write(tmp_path, f"connector: elastic\npassword: {written}\n")
    with pytest.raises(ConfigError) as caught:
        connection_of(Settings(home=tmp_path, connection="prod"))
    error: BaseException | None = caught.value
    while error is not None:
        shown = "" if error.__suppress_context__ else str(error.__context__ or "")
        assert SECRET not in f"{error} {getattr(error, 'hint', '')} {shown}"
        error = error.__cause__


def test_no_repr_shows_what_the_file_holds(tmp_path: Path) -> None:
    write(tmp_path, f"connector: elastic\npassword: {SECRET}\n")
    settings = Settings(home=tmp_path, connection="prod")
    found = connection_of(settings)
    assert found.settings["password"] == SECRET
    assert SECRET not in f"{found!r} {settings!r}"


def test_a_setting_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCOREBACK_THREADS", "many")
    with pytest.raises(ConfigError, match="SCOREBACK_THREADS"):
        Settings.read()


def test_the_workspace_says_how_long_events_may_come_late_or_else_the_connector_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(Settings(home=tmp_path)) as app:
        assert app.settle == timedelta(0)
        slow = Facts(settle=timedelta(minutes=1))
        monkeypatch.setattr(app.connector, "facts", slow)
        assert app.settle == timedelta(minutes=1)
    with opened(Settings(home=tmp_path, settle=timedelta(0))) as app:
        monkeypatch.setattr(app.connector, "facts", slow)
        assert app.settle == timedelta(0)
