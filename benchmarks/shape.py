"""
The shape of the code in figures: ``python -m benchmarks.shape``.

Modules and functions by length, branches in ten lines of function, pronouns in 1,000 words of
docstrings and comments, and the files that a cursor page enters.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent
PACKAGES = ("django_partstream", "partstream_rest", "partstream_graphql")
PRONOUNS = {"who", "what", "whom", "whose", "those", "one", "nobody", "somebody"}
BRANCHES = (
    *(ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.With),
    *(ast.AsyncWith, ast.comprehension, ast.BoolOp, ast.match_case, ast.Assert),
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def main() -> None:
    """Print the table."""
    modules = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    texts = [path.read_text() for path in modules]
    lengths = [text.count("\n") for text in texts if text.strip()]
    functions = [found for text in texts for found in functions_in(ast.parse(text))]
    lines = [lines_of(function) for function in functions]
    words = [word for text in texts for word in re.findall(r"[a-z']+", prose_of(text).lower())]
    rows: list[tuple[str, Any]] = [
        ("modules", len(lengths)),
        ("lines of a module, median and largest", f"{median(lengths):g}, {max(lengths)}"),
        ("lines of a function, median and longest", f"{median(lines):g}, {max(lines)}"),
        ("branches in 10 lines of function", f"{branches_in(functions) / sum(lines) * 10:.1f}"),
        ("pronouns in 1,000 words", f"{sum(w in PRONOUNS for w in words) / len(words) * 1000:.1f}"),
    ]
    for name, page in cursor_pages().items():
        files = [file for file in entered(page) if file.is_relative_to(ROOT)]
        changes = sum(before != after for before, after in pairwise(files))
        rows.append((f"files entered by a {name} cursor page", len(set(files))))
        rows.append((f"changes of file in a {name} cursor page", changes))
    for what, figure in rows:
        print(f"{what:45} {figure}")  # noqa: T201


def functions_in(tree: ast.AST) -> list[Function]:
    """Every function, nested functions included."""
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


def lines_of(function: Function) -> int:
    """The lines of a function, without decorators and docstring."""
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    if not body:
        return 1
    first = max(function.lineno, body[0].lineno - 1)
    return (function.end_lineno or first) - first + 1


def branches_in(functions: list[Function]) -> int:
    """The branches of *functions*; a nested function counts for itself only."""
    return sum(isinstance(node, BRANCHES) for function in functions for node in own_nodes(function))


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below *node* that are not in a nested function."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Function):
            yield child
            yield from own_nodes(child)


def prose_of(text: str) -> str:
    """The docstrings and comments of a module."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = [
        ast.get_docstring(node) or ""
        for node in ast.walk(ast.parse(text))
        if isinstance(node, documented)
    ]
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return " ".join([*found, *(t.string for t in tokens if t.type == tokenize.COMMENT)])


def cursor_pages() -> dict[str, Any]:
    """A function that asks for the second page, for each front."""
    import django
    from django.conf import settings

    settings.configure(
        SECRET_KEY="-" * 50,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
    )
    django.setup()
    import graphene
    from django.test import Client
    from django.urls import path

    from django_partstream import ProgressiveView, lazy
    from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
    from partstream_graphql.views import ProgressiveGraphQLView

    class View(ProgressiveView):
        authentication_classes = permission_classes = ()
        chunk_size = 1

        def get_parts(self) -> Any:
            return [(name, lazy(lambda request: 1)) for name in "abc"]

    class Three(ProgressiveConnection):
        chunk_size = 1
        a, b, c = Part(graphene.Int), Part(graphene.Int), Part(graphene.Int)

        def get_parts(self) -> Any:
            return [(name, lazy(lambda request: 1)) for name in "abc"]

    class Query(graphene.ObjectType):
        three = ProgressiveConnectionField(Three)

    view = ProgressiveGraphQLView.as_view(schema=graphene.Schema(query=Query))
    globals()["urlpatterns"] = [path("rest", View.as_view()), path("graphql", view)]
    client = Client()
    query = (
        "query ($after: String) { three(after: $after) "
        "{ pageInfo { endCursor } edges { node { name a b c } } } }"
    )

    def graphql(after: str | None = None) -> str:
        body = {"query": query, "variables": {"after": after}}
        page = client.post("/graphql", body, content_type="application/json").json()
        return str(page["data"]["three"]["pageInfo"]["endCursor"])

    def rest(cursor: str = "") -> str:
        return str(client.get(f"/rest?cursor={cursor}").json()["cursor"])

    first, after = rest(), graphql()
    rest(first), graphql(after)
    return {"REST": lambda: rest(first), "GraphQL": lambda: graphql(after)}


def entered(call: Any) -> list[Path]:
    """The file of each Python function that *call* enters, in order."""
    files = []

    def note(frame: Any, event: str, _: Any) -> None:
        if event == "call":
            files.append(Path(frame.f_code.co_filename))

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return [file for file in files if any(part in PACKAGES for part in file.parts)]


if __name__ == "__main__":
    main()
