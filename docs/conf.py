"""The documentation site: ``make docs``."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import gallery  # noqa: E402
import reference  # noqa: E402

import minigrad as mg  # noqa: E402

project = "minigrad"
author = "the developers of minigrad"
release = version = mg.__version__
extensions = [
    "myst_parser",
    "sphinx_copybutton",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "tryit",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
suppress_warnings = ["myst.xref_missing", "myst.header"]  # links into the source tree
exclude_patterns = ["figures", "pictures", "_contents"]
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True
autodoc_typehints = "none"
html_theme = "pydata_sphinx_theme"
html_title = "minigrad"
html_extra_path = ["explorers"]
html_static_path = ["static"]
html_css_files = ["site.css"]
html_sidebars = {page.stem: [] for page in HERE.glob("*.md")}  # they have no pages below them
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 4,
}
html_show_sourcelink = False

gallery.write(HERE)
reference.write(HERE)
