"""A view in Splunk's own viewer, in a real browser, in front of the simulator of Splunk Web.

Splunk's page around the viewer cannot be had; a bare one of ours stands in at the view's address.
What the viewer asks Splunk for is answered by the simulator.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, Response, Route

from tests.splunkd.simulator import Simulator

VIEWS = "/en-US/app/scoreback/"
_BACKGROUNDS = {"light": "#F2F4F5", "dark": "#1A1C20"}
_PAGE = """<!doctype html><html lang="en"><head><title>Viewer</title>
<link rel="stylesheet" href="/studio/page.css"></head>
<body style="margin:0;background:{background}"><div id="root"></div>
<script src="/en-US/config?autoload=1"></script>
<script src="/studio/page.js"></script></body></html>
"""
# What a panel shows, as people see it: a table's rows, a figure, the marks of a chart; or what is
# said instead.
_LOOK = """() => Object.fromEntries(
  [...document.querySelectorAll('[data-test="select-outline"][data-id^="viz_"]')].map(panel => {
    const texts = (name) => [...panel.querySelectorAll(`[data-test="${name}"]`)]
      .map(e => e.textContent.trim());
    const marks = [...panel.querySelectorAll('.highcharts-graph, .highcharts-point')]
      .filter(e => (e.getAttribute('d') || '').length > 1 || Number(e.getAttribute('height')) > 0);
    const named = '[data-test="viz-title"], [data-test="viz-description"]';
    const cut = [...panel.querySelectorAll(named)]
      .filter(e => e.scrollWidth > e.clientWidth).map(e => e.textContent);
    const data = [...texts('majorValue'), ...[...panel.querySelectorAll('[data-test="body"] tr')]
      .map(e => e.textContent.trim()), ...marks.map(() => 'mark')];
    return [panel.dataset.id, {data, cut, said: [
      ...texts('viz-waiting-for-input-message'), ...texts('message')],
      axes: panel.querySelectorAll('.highcharts-axis').length,
      errors: panel.querySelectorAll('[data-test="status-icon-container"] [data-test*="error"], '
        + '[data-test="simple-status-icon-container"]').length}];
  }))"""


@dataclass(frozen=True)
class Look:
    """What one panel shows."""

    data: list[str]
    cut: list[str]  # title or description that does not fit
    said: list[str]  # in place of data
    axes: int  # of a chart, which are there before and without data
    errors: int


@dataclass
class Viewer:
    """One page with Splunk's viewer in it."""

    page: Page
    splunk: Simulator
    scripts: str  # address of the folder that `bundle` made
    refused: list[str] = field(default_factory=list)  # what was asked of Splunk in vain

    def open(self, name: str, theme: str = "light", query: str = "") -> None:
        """Log in and go to where the view *name* would be."""
        key = self._session()
        port = urlsplit(self.splunk.web_url).port
        cookies = {f"splunkd_{port}": key, f"splunkweb_csrf_token_{port}": "k"}
        given: list[Any] = [
            {"name": name, "value": value, "url": self.splunk.web_url}
            for name, value in cookies.items()
        ]
        self.page.context.add_cookies(given)
        self.page.on("response", self._heard)
        self.page.route("**/*", lambda route: self._routed(route, theme))
        self.page.goto(f"{self.splunk.web_url}{VIEWS}{name}{query}")

    def validate(self, definition: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """What Splunk's schema has against *definition*; None: nothing."""
        return self.page.evaluate("definition => Studio.validate(definition)", definition)

    def draw(self, definition: Mapping[str, Any], theme: str, tab: int = 0) -> None:
        """Have Splunk's viewer draw *definition*, and go to the *tab* of that number."""
        self.page.evaluate(
            "([definition, theme]) => Studio.draw(definition, theme)", [definition, theme]
        )
        if tab:
            self.page.get_by_role("tab").nth(tab).click()
            self.page.mouse.move(0, 0)
            self.page.evaluate("() => document.activeElement.blur()")

    def looks(self) -> dict[str, Look]:
        """What each panel of the tab shows now."""
        return {name: Look(**found) for name, found in self.page.evaluate(_LOOK).items()}

    def settled(
        self, wanted: set[str], seconds: int = 60, *, empty: bool = False
    ) -> dict[str, Look]:
        """What the *wanted* panels show once each shows data or says something.

        Where all is to be *empty*, a chart need show no more than its axes.
        """
        looks: dict[str, Look] = {}
        for _ in range(seconds * 4):
            looks = self.looks()
            there = [looks[n] for n in wanted if n in looks]
            done = [one.data or one.said or (empty and one.axes) for one in there]
            if len(done) == len(wanted) and all(done):
                break
            self.page.wait_for_timeout(250)
        return looks

    def clicked(self, panel: str, column: str) -> tuple[str, str]:
        """What the first row of a table has in *column*, and the address that a click on it opens.

        The address is Splunk's own, before its prefix of language.
        """
        table = self.page.locator(f'[data-test="select-outline"][data-id="{panel}"]')
        heads = table.locator("th").all_inner_texts()
        place = next(n for n, head in enumerate(heads) if head.strip() == column)
        cell = table.locator('[data-test="body"] tr').first.locator("td").nth(place)
        shown = cell.inner_text().strip()
        with self.page.context.expect_page() as opened:
            cell.click()
        url = opened.value.url
        opened.value.close()
        return shown, url

    def _session(self) -> str:
        form: dict[str, str | float | bool] = {
            "username": "admin",
            "password": "changed!",
            "output_mode": "json",
        }
        answer = self.page.request.post(f"{self.splunk.url}/services/auth/login", form=form)
        return str(answer.json()["sessionKey"])

    def _heard(self, response: Response) -> None:
        if response.status >= 400:
            self.refused.append(f"{response.status} {response.request.method} {response.url}")

    def _routed(self, route: Route, theme: str) -> None:
        path = urlsplit(route.request.url).path
        if path.startswith("/studio/"):
            route.continue_(url=f"{self.scripts}/{path.removeprefix('/studio/')}")
        elif path.startswith(VIEWS) and route.request.resource_type == "document":
            page = _PAGE.format(background=_BACKGROUNDS[theme])
            route.fulfill(body=page, content_type="text/html")
        else:
            route.continue_()
