"""The site: the Markdown files of the repository as they lie, and the API of what `stridor` exports."""

import inspect

import stridor

project = "stridor"
author = "the stridor authors"
copyright = author
version = release = "0.1.0"

# The source directory is the repository's root (`make docs`), so that links are the same here and in a checkout.
root_doc = "docs/index"
include_patterns = [
    "docs/*.md", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "pretrained/README.md", "reports/summary.md",
    "reports/sweep.md", "reports/table.md",
]  # fmt: skip
exclude_patterns = [".*", "artifacts", "build", "checkpoints", "data", "downloads", "mlruns", "src", "tests", "tmp"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3
# A link to what is neither a page nor a file is a warning, and `make docs` fails on warnings.
nitpicky = True
# Types in docstrings are words for people ("float [N]"), not references.
nitpick_ignore_regex = [("py:.*", ".*")]

html_theme = "furo"
html_title = "stridor"
templates_path = ["_templates"]
# The page that a web server opens leads to docs/index.html.
html_additional_pages = {"index": "redirect.html"}
html_copy_source = False

autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False


def _complete(_app: object, page: str, source: list[str]) -> None:
    """Give the summary, which the pipeline writes, a title; list what `stridor` exports below docs/api.md."""
    if page == "reports/summary":
        source[0] = f"# Summary\n\n{source[0]}"
    if page != "docs/api":
        return
    for name in getattr(stridor, "__all__", ()):
        exported = getattr(stridor, name)
        if inspect.isclass(exported):
            directive = f".. autoclass:: stridor.{name}\n   :members:\n   :exclude-members: __init__, __new__"
        elif callable(exported):
            directive = f".. autofunction:: stridor.{name}"
        else:
            continue
        source[0] += f"\n## {name}\n\n```{{eval-rst}}\n{directive}\n```\n"


def setup(app: object) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _complete)
