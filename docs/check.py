"""What must hold of the built site: ``python docs/check.py build/site``.

Links within it lead somewhere, anchors included; nothing is asked of other servers but what
`KNOWN` lists; and where JupyterLite was built, the cells to try and minigrad's wheel are there.
"""

import json
import sys
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

KNOWN = ("https://cdn.jsdelivr.net/npm/mathjax@",)
"""What pages load from elsewhere when they open: formulas stay text without it."""
PACKAGE = Path(__file__).parents[1] / "minigrad"


class Page(HTMLParser):
    """The links, anchors and loaded files of a page, and how many cells to try it has."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loaded, self.anchors, self.cells = [], [], {""}, 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.anchors.update(v for k in ("id", "name") if (v := found.get(k)))
        self.cells += found.get("class") == "jupyterlite_sphinx_iframe_container"
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag in ("script", "img", "iframe") and found.get("src"):
            self.loaded.append(found["src"])
        if tag == "link" and found.get("href") and found.get("rel") in ("stylesheet", "icon"):
            self.loaded.append(found["href"])


def elsewhere(link):
    return link.partition(":")[0] in ("http", "https", "mailto", "data") or link.startswith("//")


def dead(site, pages):
    """The links within the site that lead nowhere."""
    for path, page in pages.items():
        for link in page.links + page.loaded:
            if elsewhere(link):
                continue
            target, anchor = urldefrag(unquote(link))
            target = target.partition("?")[0]
            aim = (path.parent / target).resolve() if target else path
            if not aim.exists() or not aim.is_relative_to(site):
                yield f"{path.relative_to(site)}: {link} is not there"
            elif aim in pages and anchor not in pages[aim].anchors:
                yield f"{path.relative_to(site)}: {link} has no such anchor"


def foreign(site, pages):
    """What is loaded from other servers when a page opens."""
    for path, page in pages.items():
        for link in page.loaded:
            if elsewhere(link) and not link.startswith((*KNOWN, "data:")):
                yield f"{path.relative_to(site)} loads {link}"


def unfit(site, pages):
    """What is wrong with the cells to try."""
    from tryit import CELLS, available

    for name in CELLS:
        if (pages[site / f"{name}.html"].cells == 1) is not available():
            yield f"{name}.html has {pages[site / f'{name}.html'].cells} cells to try"
    if not available():
        return
    (wheel,) = (site / "lite" / "pypi").glob("minigrad-*.whl")
    if not wheel.name.endswith("-py3-none-any.whl"):
        yield f"{wheel.name} is not for every platform"
    inside = zipfile.ZipFile(wheel).namelist()
    for name in inside:
        if not name.startswith("minigrad") or name.endswith((".so", ".pyd", ".dll")):
            yield f"{wheel.name} holds {name}"
    here = {p.relative_to(PACKAGE.parent).as_posix() for p in PACKAGE.rglob("*.py")}
    yield from (f"{wheel.name} lacks {name}" for name in sorted(here - set(inside)))
    index = json.loads((wheel.parent / "all.json").read_text(encoding="utf-8"))
    if "minigrad" not in index:
        yield "the kernel does not know of minigrad's wheel"


def main(site):
    site = Path(site).resolve()
    apart = (site / "lite", site / "_static")  # JupyterLite's own pages, and the theme's templates
    paths = [p for p in site.rglob("*.html") if not any(p.is_relative_to(a) for a in apart)]
    pages = {p: Page(p) for p in paths}
    wrong = [*dead(site, pages), *foreign(site, pages), *unfit(site, pages)]
    for line in wrong:
        print(line, file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
