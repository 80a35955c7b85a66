"""The site builds strictly, loads nothing from elsewhere, and holds what is made from the code."""

import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
import typer

from scoreback.models.detector.features import EVENT_KINDS, WINDOW_KINDS
from scoreback.models.detector.spec import Detector
from scoreback.service.cli import app
from scoreback.service.settings import Settings
from tests.docs.pages import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|link|source)\b[^>]*>", html)
        assert not [tag for tag in loaded if re.search(r"""["'](?:https?:)?//""", tag)], page.name
        assert "<!-- made:" not in html


def test_every_command_has_its_help(site: Path) -> None:
    html = unescape((site / "commands.html").read_text(encoding="utf-8"))
    for name in getattr(typer.main.get_command(app), "commands"):  # noqa: B009 - it has no type
        assert f"Usage: scoreback {name}" in html


def test_every_key_and_feature_is_listed(site: Path) -> None:
    html = unescape((site / "detector-file.html").read_text(encoding="utf-8"))
    keys = [*Detector.model_fields, "labels.field.positive", "alerts.budget", "write.keep.top"]
    for key in keys:
        assert f"<code>{key}</code>" in html
    for kind in EVENT_KINDS + WINDOW_KINDS:
        assert f"<code>{{{kind}: " in html


def test_every_setting_is_listed(site: Path) -> None:
    html = (site / "settings.html").read_text(encoding="utf-8")
    for name in Settings.model_fields:
        assert f"<code>SCOREBACK_{name.upper()}</code>" in html
