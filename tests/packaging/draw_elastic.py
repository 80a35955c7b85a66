"""Draws the preview of Kibana's dashboards into docs/pictures, from the demo's week on a node.

``python tests/elasticsearch/node.py -- python -m tests.packaging.draw_elastic``
"""

import os
import shutil
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.elasticsearch.node import ADDRESS
from tests.packaging.demo_week import week_in
from tests.packaging.elastic_dashboards import by_name, panels_of, saved
from tests.packaging.elastic_preview import WIDTH, Theme, page
from tests.packaging.elastic_week import Asking, happened

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
DRAWN: tuple[tuple[str, str, Theme, str], ...] = (
    ("elastic-now", "scoreback-now", "light", ""),
    ("elastic-now-dark", "scoreback-now", "dark", ""),
    ("elastic-well", "scoreback-well", "light", "alert_triage"),
    ("elastic-well-dark", "scoreback-well", "dark", "alert_triage"),
)


def drawn(asking: Asking, dashboard: str, theme: Theme, chosen: str) -> str:
    """The preview of a dashboard, *chosen* being the detector at its top."""
    about = by_name()[dashboard]
    panels = [
        (lens, asking.rows(lens, only="" if lens.view == "scoreback-alerts" else chosen))
        for lens in panels_of(saved()[dashboard])
    ]
    return page(about.title, about.description, panels, theme, chosen)


def main() -> None:
    """Write the pictures."""
    path = shutil.which("chromium")
    with (
        happened(os.environ[ADDRESS], week_in(Path("build") / "demo-week")) as asking,
        sync_playwright() as started,
    ):
        chromium = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        opened = chromium.new_page(viewport={"width": WIDTH, "height": 900})
        for name, dashboard, theme, chosen in DRAWN:
            opened.set_content(drawn(asking, dashboard, theme, chosen))
            picture = Image.open(BytesIO(opened.screenshot(full_page=True)))
            picture.convert("RGB").quantize(128).save(PICTURES / f"{name}.png", optimize=True)
        chromium.close()


if __name__ == "__main__":
    main()
