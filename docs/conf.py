"""Settings of the documentation site (Sphinx). Build it with `sphinx-build -W docs site`."""

from digitseq import __version__

project = "digitseq"
author = "The digitseq developers"
project_copyright = "2026, the digitseq developers"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["examples", "inspection/*.py", "*.py"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autoclass_content = "both"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
default_role = "code"  # single backquotes in docstrings are code, as in Markdown
smartquotes = False  # which would turn --max into –max
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"digitseq {release}"
