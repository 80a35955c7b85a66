"""MkDocs hooks for building the site: generated parts, and links that leave the docs.

A page has ``<!-- made: NAME -->`` where a part of `made.PARTS` belongs. It is generated at each
build of the site, so no copy can be out of date.
"""

import posixpath
import re
import sys
from pathlib import Path

from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parent))  # MkDocs loads a hook as a file, not as a package

from made import PARTS

_MADE = re.compile(r"^<!-- made: ([\w ]+) -->$", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#\s]+)(#[^)]*)?\)")


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """The page with its generated parts, and with file names instead of links out of the docs."""
    folder = posixpath.dirname(page.file.src_uri)
    made = _MADE.sub(lambda found: PARTS[found[1]](), markdown)
    return _LINK.sub(lambda found: _inside(found, folder), made)


def _inside(link: re.Match[str], folder: str) -> str:
    """Replace a link to a repository file that is not a page by the file's name."""
    text, target = link[1], link[2]
    path = posixpath.normpath(posixpath.join("docs", folder, target))
    if "://" in target or path.startswith("docs/"):
        return link[0]
    return f"{text} (`{path}` in the repository)"
