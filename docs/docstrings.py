"""A page as Markdown that Sphinx has made of docstrings: its source has only their names."""

from __future__ import annotations

from collections.abc import Iterator

from docutils import nodes
from sphinx import addnodes

#: Inline nodes, and the mark on both sides of their text.
_MARKS: tuple[tuple[type[nodes.Node], str], ...] = (
    (nodes.literal, "`"),
    (nodes.emphasis, "*"),
    (nodes.strong, "**"),
)


def markdown_of(doctree: nodes.document) -> str:
    """The text of *doctree*, which this changes, as Markdown."""
    for name in list(doctree.findall(addnodes.pending_xref_condition)):
        if name["condition"] == "*":  # the long form of a name that stands beside it
            name.parent.remove(name)
    return "\n\n".join(_blocks(doctree, 0)) + "\n"


def _blocks(node: nodes.Element, level: int) -> Iterator[str]:
    """The blocks of Markdown below *node*, whose headings have a *level* from 1."""
    for child in node.children:
        if isinstance(child, nodes.section):
            yield from _blocks(child, level + 1)
        elif isinstance(child, nodes.title):
            yield f"{'#' * level} {_inline(child)}"
        elif isinstance(child, addnodes.desc):
            yield from _description(child, level)
        elif isinstance(child, nodes.field_list):
            yield from map(_field, child.children)
        elif isinstance(child, nodes.bullet_list):
            yield "\n".join(f"- {' '.join(_blocks(item, level))}" for item in child.children)
        elif isinstance(child, nodes.paragraph):
            yield _inline(child)
        elif isinstance(child, nodes.literal_block):
            yield f"```{child.get('language', '')}\n{child.astext()}\n```"


def _description(node: addnodes.desc, level: int) -> Iterator[str]:
    """The signature of a public name as a heading, and what is said about it."""
    for part in node.children:
        if isinstance(part, addnodes.desc_signature):
            yield f"{'#' * min(level + 1, 6)} `{' '.join(part.astext().split())}`"
        else:
            yield from _blocks(part, level + 1)


def _field(field: nodes.Element) -> str:
    """A field of a docstring, such as the exceptions that are raised."""
    name, body = field.children
    return "\n\n".join([f"{name.astext()}:", *_blocks(body, 0)])


def _inline(node: nodes.Node) -> str:
    """The text of *node* on a single line."""
    if isinstance(node, nodes.Text):
        return node.astext().replace("\n", " ")
    mark = next((mark for kind, mark in _MARKS if isinstance(node, kind)), "")
    return mark + "".join(map(_inline, node.children)) + mark
