"""The report in a real browser: it fits a phone, can be read in the dark, and numbers its pages."""

import re
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser

from scoreback.models.report.page import report_page
from tests.browser import browser

__all__ = ["browser"]

_WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
# The least contrast of any text with the ground that it stands on, by WCAG 2.2, and that text.
_CONTRAST = """() => {
  const parts = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => { const [r, g, b] = parts(c).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = e => { for (; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor; if (parts(c)[3] !== 0) return c; } };
  let least = [99, ""];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || e.tagName === "title") continue;
    const style = getComputedStyle(e), drawn = e.namespaceURI.endsWith("svg");
    const [a, b] = [light(drawn ? style.fill : style.color), light(ground(e))];
    const found = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (found < least[0]) least = [found, e.textContent.trim()];
  }
  return least; }"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_and_nothing_is_wider_than_a_phone(
    browser: Browser, account: dict[str, Any], scheme: Literal["light", "dark"]
) -> None:
    account["candidates"][0]["table"][0]["precision"] = 0.01  # so that something is bad
    context = browser.new_context(viewport={"width": 360, "height": 800}, color_scheme=scheme)
    opened = context.new_page()
    opened.set_content(report_page(account, "candidate", "simulated"))
    wide, seen = opened.evaluate(_WIDTHS)
    assert wide == seen == 360
    least, text = opened.evaluate(_CONTRAST)
    assert least >= 4.5, text
    ground = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    assert opened.locator("td .bad").count() >= 1
    context.close()


def test_printed_pages_have_the_version_and_their_number(
    browser: Browser, account: dict[str, Any]
) -> None:
    context = browser.new_context(color_scheme="dark")
    opened = context.new_page()
    opened.set_content(report_page(account, "candidate"))
    opened.emulate_media(media="print")
    ink = opened.evaluate("getComputedStyle(document.body).color")
    assert ink == "rgb(0, 0, 0)"
    pages = len(re.findall(rb"/Type\s*/Page\b", opened.pdf(prefer_css_page_size=True)))
    assert pages > 1
    margins = opened.evaluate(
        "[...document.styleSheets[0].cssRules].filter(r => r.cssText.startsWith('@page'))"
        ".map(r => r.cssText).join()"
    )
    assert '"lab v1-abc"' in margins
    assert "counter(page)" in margins
    context.close()
