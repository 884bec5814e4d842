"""The adapters' facts about upstream packages, for tests that name a fact that has changed."""

import ast
from importlib.metadata import version
from pathlib import Path

import partstream_graphql

PACKAGE = Path(partstream_graphql.__file__).parent


class Facts:
    """Checks facts about a *distribution* that functions of the module *adapter* rely on."""

    def __init__(self, distribution, adapter, read):
        self.distribution, self.adapter, self.read = distribution, adapter, read

    def check(self, function, fact, holds):
        """Fail unless *fact*, on which *function* relies, *holds*."""
        assert hasattr(self.adapter, function), f"{self.adapter.__name__} has no {function}()"
        assert holds, (
            f"{self.distribution} {version(self.distribution)} differs from {self.read}: no longer "
            f"'{fact}'. {self.adapter.__name__}.{function}() relies on it."
        )


def modules():
    """The syntax trees of the package's modules, by their paths in it."""
    for file in sorted(PACKAGE.rglob("*.py")):
        yield file.relative_to(PACKAGE).as_posix(), ast.parse(file.read_text())


def imported(tree, package):
    """The modules of *package* that *tree* imports, or imports names from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == package:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] == package)


def attributes(tree):
    """The names of the attributes that *tree* reads or sets."""
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
