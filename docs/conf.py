"""
The site of these pages, built by ``make docs``.

The source directory is the repository itself, so the links of a page work on a forge and on the
site alike. ``index.md`` lists the pages. A forge shows that list, the hooks below make the
navigation of it, and ``llms.txt`` is that list too.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

# What the modules of the reference need when they are imported.
settings.configure(
    SECRET_KEY="docs",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django_partstream"],
    STATIC_URL="static/",
)
django.setup()

from docstrings import markdown_of  # noqa: E402 - is beside this file

from django_partstream import __version__  # noqa: E402 - needs the settings

project = "django-partstream"
author = "The django-partstream authors"
copyright = author  # noqa: A001 - Sphinx's name
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "clients/js/README.md",
    "benchmarks/results.md",
]
#: A forge shows ``docs/README.md`` in place of the list of pages.
exclude_patterns = ["docs/README.md", ".*", "build", "**/node_modules"]

myst_heading_anchors = 4
myst_enable_extensions = ["attrs_block"]

# Pygments knows no ellipsis in JSX, no header without a request, and no directive of GraphQL here.
suppress_warnings = ["misc.highlighting_failure"]

autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
add_module_names = False
toc_object_entries_show_parents = "hide"
# Types in signatures, and names of other packages, need no place here.
nitpick_ignore_regex = [(r"py:class", r".*"), (r"py:.*", r"(?!django_partstream|partstream_).*")]

smartquotes_action = "D"  # dashes alone

html_theme = "furo"
html_title = "django-partstream"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False

#: A row of ``index.md``.
ROW = re.compile(r"^- \[(.*?)\]\((\S+?)\.md\)", re.MULTILINE)

#: A link of a page to a file beside it.
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+)")

#: What screen readers and keyboards need, in the HTML that the theme writes.
ACCESSIBLE = {
    '<p class="caption" role="heading">': '<p class="caption" role="heading" aria-level="2">',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Pages">',
    '<aside class="toc-drawer': '<aside aria-label="On this page" class="toc-drawer',
    '<th class="head"><p></p></th>': "<td></td>",
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
    "<pre>": '<pre tabindex="0">',
    '<div id="search-results">': '<h1>Search</h1><div id="search-results">',
}


def add_navigation(app: Sphinx, name: str, source: list[str]) -> None:
    """Add a hidden toctree to ``index.md`` for each section that lists pages."""
    if name != root_doc:
        return
    sections = source[0].split("\n## ")
    for section in sections[1:]:
        rows = ROW.findall(section.replace("`", ""))
        pages = "\n".join(f"{title} <{page}>" for title, page in rows)
        caption = section.partition("\n")[0]
        source[0] += f"\n\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{pages}\n```\n"


def name_markdown(
    app: Sphinx, name: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Name the Markdown of a page in the head of its HTML."""
    if doctree is not None:
        href = Path(name).name
        context["metatags"] += f'<link rel="alternate" type="text/markdown" href="{href}.md">'


def make_accessible(app: Sphinx, exception: Exception | None) -> None:
    """Put what :data:`ACCESSIBLE` names into the pages that were written."""
    for page in Path(app.outdir).rglob("*.html") if app.builder.name == "html" else ():
        html = mended = page.read_text()
        for found, better in ACCESSIBLE.items():
            mended = mended if better in mended else mended.replace(found, better)
        if mended != html:
            page.write_text(mended)


def write_markdown(app: Sphinx, exception: Exception | None) -> None:
    """Write each page as Markdown beside its HTML, ``llms.txt``, and the entrance of the site."""
    if exception is not None or app.builder.name != "html":
        return
    for name in app.env.found_docs:
        page = Path(app.outdir, f"{name}.md")
        page.parent.mkdir(parents=True, exist_ok=True)
        source = Path(app.srcdir, f"{name}.md").read_text()
        has_docstrings = "{eval-rst}" in source
        page.write_text(markdown_of(app.env.get_doctree(name)) if has_docstrings else source)
        copy_linked_files(app, name, source)
    # Links of llms.txt begin at the root of the site, those of index.md in docs/.
    listed = Path(app.srcdir, f"{root_doc}.md").read_text()
    Path(app.outdir, "llms.txt").write_text(
        listed.replace("](", "](docs/").replace("](docs/../", "](")
    )
    shutil.copy(Path(app.confdir, "entrance.html"), Path(app.outdir, "index.html"))


def copy_linked_files(app: Sphinx, name: str, source: str) -> None:
    """Copy the files that the page *name* links and that are no pages, such as a table."""
    for link in LINK.findall(source):
        linked = Path(app.srcdir, name).parent.joinpath(link).resolve()
        if linked.suffix != ".md" and linked.is_file():
            copy = Path(app.outdir, linked.relative_to(Path(app.srcdir).resolve()))
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(linked, copy)


def setup(app: Sphinx) -> None:
    """Connect the hooks."""
    app.connect("source-read", add_navigation)
    app.connect("html-page-context", name_markdown)
    app.connect("build-finished", make_accessible)
    app.connect("build-finished", write_markdown)
