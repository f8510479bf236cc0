"""The site of these pages, as Sphinx builds it: ``nox -s docs``."""

import operator_tool

project = "operator-tool"
author = "the operator-tool authors"
html_show_copyright = False
version = release = operator_tool.__version__

extensions = ["myst_parser"]
myst_heading_anchors = 4
exclude_patterns = ["conf.py", "reference/render.py"]
nitpicky = True

html_theme = "furo"
html_title = f"operator-tool {release}"
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}
