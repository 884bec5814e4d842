"""
Change the library in one place at a time, and list each change that no fast test notices.

The fast tests run once under coverage, which tells the tests of each line. The mutants of a random
sample are then written, one after another, into a copy of the tree, where the tests of the changed
line run. A mutant in a line without a test lives. A test that hangs has noticed.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from coverage import Coverage

from tests import services

ROOT = Path(__file__).parent.parent
PACKAGES = ("django_partstream", "partstream_rest", "partstream_graphql")
PYTEST = (sys.executable, "-m", "pytest", "-xq", "-p", "no:cacheprovider")
FAST = ("tests/core", "tests/rest", "tests/graphql", "tests/both")

#: For the process of the tests and for each that they start, which coverage finds by this file.
COVERAGE = """[run]
source = {sources}
data_file = {copy}/.coverage
context = ${{PYTEST_CURRENT_TEST-}}
parallel = true
core = ctrace
patch = _exit
"""

OTHER = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.And: ast.Or, ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add,
    ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A *text* in place of some bytes of a file; *lines* are the lines of its statement."""

    path: str
    lines: range
    start: int
    end: int
    text: str

    def source(self, root: Path) -> bytes:
        """The whole file with the change."""
        before = (root / self.path).read_bytes()
        return before[: self.start] + self.text.encode() + before[self.end :]

    def __str__(self) -> str:
        before, after = (ROOT / self.path).read_text(), self.source(ROOT).decode()
        changed = list(difflib.unified_diff(before.split("\n"), after.split("\n"), n=0))[3:]
        line = (ROOT / self.path).read_bytes()[: self.start].count(b"\n") + 1
        return "\n".join([f"{self.path}:{line}", *(f"    {one}" for one in changed)])


def mutants_of(path: str) -> list[Mutant]:
    """All mutants of one file."""
    text = (ROOT / path).read_bytes()
    starts = [0, *(place + 1 for place, byte in enumerate(text) if byte == ord("\n"))]
    found = []

    def walk(node: Any, lines: range) -> None:
        if is_left_alone(node):
            return
        if isinstance(node, ast.stmt):
            last = node.body[0].lineno - 1 if getattr(node, "body", None) else node.end_lineno
            lines = range(node.lineno, max(last, node.lineno) + 1)
        for first, last, changed in changes(node):
            start = starts[first.lineno - 1] + first.col_offset
            end = starts[last.end_lineno - 1] + last.end_col_offset
            if isinstance(node, ast.With):
                end = text.index(b":", end)
            found.append(Mutant(path, lines, start, end, changed))
        for name, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and name not in ("annotation", "returns"):
                    walk(child, lines)

    walk(ast.parse(text), range(0))
    return found


def is_left_alone(node: ast.AST) -> bool:
    """Whether *node* is a docstring, a log text, a type, a name for debuggers or other prose."""
    match node:
        case ast.JoinedStr() | ast.Expr(ast.Constant()) | ast.Constant(""):
            return True
        case ast.Constant(str(text)):
            return " " in text
        case ast.FunctionDef("__repr__") | ast.If(ast.Name("TYPE_CHECKING")):
            return True
        case ast.FunctionDef(decorator_list=[ast.Name("overload"), *_]):
            return True
        case ast.Call(ast.Attribute(ast.Name("logger"))):
            return True
        case (
            ast.Call(ast.Name("TypeVar" | "ParamSpec"))
            | ast.AnnAssign(annotation=ast.Name("TypeAlias"))
        ):
            return True
        case ast.Call(ast.Name("ContextVar") | ast.Subscript(ast.Name("ContextVar"))):
            return True
        case ast.Assign([ast.Name(name)]):
            return name.startswith("__")
        case ast.Expr(value):
            return is_left_alone(value) or isinstance(value, (ast.Yield, ast.YieldFrom))
    return False


def changes(node: Any) -> Iterator[tuple[Any, Any, str]]:
    """Each change of *node*: the first and the last node to replace, and the text for them."""
    made: list[Any] = []
    match node:
        case ast.Compare():
            for place, one in enumerate(node.ops):
                operators = [*node.ops[:place], OTHER[type(one)](), *node.ops[place + 1 :]]
                made.append(ast.Compare(node.left, operators, node.comparators))
        case ast.BoolOp():
            made.append(ast.BoolOp(OTHER[type(node.op)](), node.values))
            for value in node.values:
                made.append(ast.BoolOp(node.op, [one for one in node.values if one is not value]))
        case ast.BinOp() if type(node.op) in OTHER:
            made.append(ast.BinOp(node.left, OTHER[type(node.op)](), node.right))
        case ast.UnaryOp(ast.Not()):
            made.append(node.operand)
        case ast.Constant(bool(value)):
            made.append(ast.Constant(not value))
        case ast.Constant(int(value) | float(value)):
            made.append(ast.Constant(value + 1))
        case ast.Constant(str(value)):
            made.append(ast.Constant(f"{value}x"))
        case ast.If(test) | ast.IfExp(test) if isinstance(
            test, (ast.Name, ast.Call, ast.Attribute)
        ):
            yield test, test, f"not {ast.unparse(test)}"
        case ast.With(items) if not any(item.optional_vars for item in items):
            yield node, items[-1].context_expr, "if True"
        case ast.Return(value) if value and not isinstance(value, ast.Constant):
            yield node, node, "return None"
        case ast.Assign([ast.Name()]):
            pass  # it would be a NameError
        case (
            ast.Expr()
            | ast.Assign()
            | ast.AugAssign()
            | ast.Delete()
            | ast.Raise()
            | ast.Continue()
        ):
            yield node, node, "pass"
    for one in made:
        text = ast.unparse(one)
        yield node, node, text if isinstance(one, ast.Constant) else f"({text})"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Tell coverage of each test, and note its seconds, where this module is a plugin."""
    started = time.monotonic()
    Coverage.current().switch_context(item.nodeid)
    result = yield
    with (ROOT / "seconds.txt").open("a") as seconds:
        seconds.write(f"{function_of(item.nodeid)} {time.monotonic() - started}\n")
    return result


def function_of(test: str) -> str:
    """A test without its parameters: their ids may have addresses in memory in them."""
    return test.partition("[")[0].partition(" ")[0]


def copy_of_the_tree(folder: Path) -> Path:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def passes(copy: Path, tests: Iterable[str], *options: str, limit: float | None = None) -> bool:
    """Whether *tests* pass in a *copy* of the tree, within *limit* seconds."""
    (copy / "tests.txt").write_text("\n".join(tests))
    settings = {"COVERAGE_PROCESS_START": str(copy / "coveragerc")} if options else {}
    with (copy / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            [*PYTEST, *options, "@tests.txt"],
            cwd=copy,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(copy), **settings},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        return process.wait(limit) == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        drop_databases(process.pid)


def drop_databases(process: int) -> None:
    """Drop the test databases of a process that was stopped before it could do so."""
    with suppress(psycopg.Error), psycopg.connect(services.POSTGRES_URL) as connection:
        connection.autocommit = True
        for name in (f"partstream_tests_{process}", f"partstream_tests_{process}_main"):
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


class Tests:
    """The fast tests: how long each takes in seconds, and the tests of each line."""

    def __init__(self, copy: Path) -> None:
        settings = copy / "coveragerc"
        sources = ",".join(str(copy / package) for package in PACKAGES)
        settings.write_text(COVERAGE.format(copy=copy, sources=sources))
        if not passes(copy, FAST, "-p", "tests.mutants"):
            sys.exit((copy / "output.txt").read_text() + "\nThe tests fail without a mutant.")
        self.seconds: dict[str, float] = defaultdict(float)
        for line in (copy / "seconds.txt").read_text().splitlines():
            test, seconds = line.split()
            self.seconds[test] += float(seconds)
        coverage = Coverage(config_file=str(settings))
        coverage.combine()
        self.copy, self.data = copy, coverage.get_data()

    def of(self, mutant: Mutant) -> list[str]:
        """The tests that run a line of *mutant*; all of them where it runs outside of tests."""
        lines = self.data.contexts_by_lineno(str(self.copy / mutant.path))
        run = {function_of(test) for line in mutant.lines for test in lines.get(line, ())}
        if "" not in run:
            return sorted(run)
        near = {function_of(test) for tests in lines.values() for test in tests}
        return sorted(self.seconds, key=lambda test: (test not in run, test not in near))


def main() -> None:
    """Print the mutants that live, and how many do not."""
    parser = argparse.ArgumentParser("make mutants ARGS=", description=__doc__)
    parser.add_argument("--sample", type=int, default=100, help="how many mutants (100)")
    parser.add_argument("--seed", type=int, default=1, help="which sample (1)")
    parser.add_argument("--only", default="*", metavar="GLOB", help="the files to change (*)")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once (2)")
    options = parser.parse_args()
    started = time.monotonic()
    files = [
        str(file.relative_to(ROOT)) for name in PACKAGES for file in (ROOT / name).rglob("*.py")
    ]
    every = [
        one for path in sorted(files) if fnmatch(path, options.only) for one in mutants_of(path)
    ]
    sample = random.Random(options.seed).sample(every, min(options.sample, len(every)))
    print(f"{len(sample)} of {len(every)} mutants, seed {options.seed}.", flush=True)
    copies: SimpleQueue[Path] = SimpleQueue()

    def lives(mutant: Mutant) -> bool:
        run = tests.of(mutant)
        limit = 60 + 4 * sum(tests.seconds[test] for test in run)
        copy = copies.get()
        (copy / mutant.path).write_bytes(mutant.source(ROOT))
        alive = not run or passes(copy, run, limit=limit)
        shutil.copy2(ROOT / mutant.path, copy / mutant.path)
        copies.put(copy)
        if alive:
            print(mutant, "" if run else "    No test runs it.", "", sep="\n", flush=True)
        return alive

    with TemporaryDirectory(prefix="partstream-mutants-") as folder:
        tests = Tests(copy_of_the_tree(Path(folder) / "covered"))
        for job in range(options.jobs):
            copies.put(copy_of_the_tree(Path(folder) / str(job)))
        with ThreadPoolExecutor(options.jobs) as pool:
            killed = len(sample) - sum(pool.map(lives, sample))
    minutes = (time.monotonic() - started) / 60
    share = killed / max(len(sample), 1)
    print(f"{killed} of {len(sample)} mutants killed ({share:.0%}), in {minutes:.0f} minutes.")


if __name__ == "__main__":
    main()
