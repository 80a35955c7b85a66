"""What MkDocs asks while it builds the site: parts made from the code, links that leave the docs.

A page says ``<!-- made: NAME -->`` where a part of `made.PARTS` belongs. It is made each time that
the site is built, so no copy of it can be stale.
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
    """The page with its made parts, and with names of files where a link would leave the docs."""
    folder = posixpath.dirname(page.file.src_uri)
    made = _MADE.sub(lambda found: PARTS[found[1]](), markdown)
    return _LINK.sub(lambda found: _inside(found, folder), made)


def _inside(link: re.Match[str], folder: str) -> str:
    """A link to a file of the repository that is not a page becomes the file's name."""
    text, target = link[1], link[2]
    path = posixpath.normpath(posixpath.join("docs", folder, target))
    if "://" in target or path.startswith("docs/"):
        return link[0]
    return f"{text} (`{path}` in the repository)"
