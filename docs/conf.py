"""How Sphinx renders the documents: MyST Markdown, the furo theme, nothing from the internet.

Belongs here: settings of the builder. Not here: what is in the pages; the generated reference (`reference_pages.py`, run by `build.py`).
"""

from __future__ import annotations

from typing import Any

from pygments.lexers.special import TextLexer

project = "govlake"
author = "govlake"
project_copyright = ""
language = "en"
extensions = ["myst_parser"]
root_doc = "index"
source_suffix = {".md": "markdown"}
exclude_patterns = ["README.md"]

# Headings of a page are link targets (#…); a reference page starts deeper where a table is a part of its page.
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_block"]

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_title = "govlake"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_domain_indices = False
html_use_index = False
# A page opened from a file share may not fetch others; the search lists its hits all the same.
html_show_search_summary = False
# System fonts alone, Chinese ones named: a closed network has no font server, and furo itself loads none.
_FONTS = '"Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", system-ui, sans-serif'
html_theme_options = {
    "light_css_variables": {"font-stack": f"system-ui, -apple-system, {_FONTS}"},
    "dark_css_variables": {"font-stack": f"system-ui, -apple-system, {_FONTS}"},
    "footer_icons": [],
}


def setup(app: Any) -> None:
    # Pygments knows no CSV; examples of deliveries are shown as they are.
    app.add_lexer("csv", TextLexer)
