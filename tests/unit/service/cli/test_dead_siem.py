"""A SIEM that refuses the connection: what was refused is said at once, and for how long we try."""

import socket
import sys
from pathlib import Path

import pytest

from scoreback.service import cli

ELASTIC = "connector: elastic\nhosts: [http://127.0.0.1:{port}]\n"
SPLUNK = "connector: splunk\nurl: http://127.0.0.1:{port}\n"


@pytest.fixture
def port() -> int:
    """One that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@pytest.mark.parametrize("connection", [ELASTIC, SPLUNK], ids=["elastic", "splunk"])
def test_a_dead_siem_is_told_of_before_it_is_given_up(
    connection: str,
    port: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "home" / "connections"
    folder.mkdir(parents=True)
    text = connection.format(port=port) + "attempts: 3\nlongest_wait: 0.01\n"
    (folder / "prod.yml").write_text(text)
    monkeypatch.setenv("SCOREBACK_CONNECTION", "prod")
    monkeypatch.setenv("SCOREBACK_SPLUNK_TOKEN", "x")
    monkeypatch.setattr(sys, "argv", ["scoreback", "verdict", "--home", str(tmp_path / "home")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    told, *rest = capsys.readouterr().err.splitlines()
    assert told.startswith("scoreback: connection 'prod': no connection")
    assert f"127.0.0.1:{port}" in told
    assert told.endswith("trying again, for up to 0 s more")
    assert len([line for line in rest if "trying again" in line]) == 0  # once, not at each attempt
    assert rest[-1].startswith("  try: ")
