"""Draws the pictures of Splunk's dashboards in docs/pictures, in Splunk's own viewer.

``python -m tests.packaging.draw_splunk``; the demo's week is played first, which takes minutes, and
kept in build/demo-week.
"""

import shutil
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from tests.browser import ARGUMENTS
from tests.packaging.dashboards import definitions
from tests.packaging.demo_week import NOW, told, week_in
from tests.packaging.splunk_app import SOURCES
from tests.packaging.studio.bundle import bundle, served
from tests.packaging.studio.viewer import Viewer
from tests.splunkd.serving import running
from tests.splunkd.simulator import Options, Simulator

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
MARGIN = 150  # pixels, of what stands above the panels and below
DRAWN: tuple[tuple[str, str, str, int, int], ...] = (  # picture, view, theme, tab, width
    ("splunk-now", "scoreback_now", "light", 0, 1280),
    ("splunk-now-narrow", "scoreback_now", "light", 0, 640),
    ("splunk-well-dark", "scoreback_well", "dark", 0, 1280),
    ("splunk-well-scores", "scoreback_well", "light", 1, 1280),
    ("splunk-well-versions", "scoreback_well", "light", 2, 1280),
)


def main() -> None:
    """Write the pictures."""
    week = week_in(Path("build") / "demo-week")
    options = Options(apps=(SOURCES,), now=NOW.timestamp() + 60)
    with running(options) as splunk, served(bundle()) as scripts, sync_playwright() as started:
        told(splunk, week)
        path = shutil.which("chromium")
        browser = started.chromium.launch(executable_path=path, args=ARGUMENTS)
        for picture, view, theme, tab, width in DRAWN:
            (PICTURES / f"{picture}.png").write_bytes(
                drawn(browser, splunk, scripts, view, theme, tab, width)
            )
        browser.close()


def drawn(
    browser: Browser, splunk: Simulator, scripts: str, view: str, theme: str, tab: int, width: int
) -> bytes:
    """A tab of *view* as a PNG with few colours."""
    definition = definitions()[view + ("_dark" if theme == "dark" else "")]
    layout = definition["layout"]
    structure = layout["layoutDefinitions"][layout["tabs"]["items"][tab]["layoutId"]]["structure"]
    height = max(item["position"]["y"] + item["position"]["h"] for item in structure) + MARGIN
    page = browser.new_page(viewport={"width": width, "height": height}, locale="en-US")
    viewer = Viewer(page, splunk, scripts)
    viewer.open(view, theme)
    viewer.draw(definition, theme, tab)
    viewer.settled({item["item"] for item in structure})
    shot = BytesIO(page.screenshot())
    page.close()
    small = BytesIO()
    Image.open(shot).convert("RGB").quantize(128).save(small, "PNG", optimize=True)
    return small.getvalue()


if __name__ == "__main__":
    main()
