"""The source of the packages, read for what the documentation lists."""

import ast
import re
from functools import cache
from itertools import chain

from tests.documentation import folder_of

PACKAGES = ("django_partstream", "partstream_rest", "partstream_graphql")
SOURCES = [path for name in PACKAGES for path in sorted(folder_of(name).rglob("*.py"))]


def constants(node):
    """The texts that stand in *node* itself."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    return []


def calls():
    """The name of each function that the packages call, its arguments, and those by name."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                function = node.func
                owner = getattr(getattr(function, "value", None), "id", "")
                name = getattr(function, "attr", getattr(function, "id", ""))
                yield owner, name, node.args, node.keywords


@cache
def codes():
    """The codes that the packages give to parts and requests."""
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "code":
                found.update(constants(node.value))
            elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if any(getattr(target, "id", "") == "code" for target in targets):
                    found.update(constants(node.value))
            elif isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if key is not None and "code" in constants(key):
                        found.update(constants(value))
            elif isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in ("coded_error", "refuse_above", "_refuse"):
                    texts = chain.from_iterable(map(constants, node.args))
                    found.update(text for text in texts if re.fullmatch("[A-Z_]{5,}", text))
    return sorted(found)


@cache
def check_ids():
    """The ids of the system checks that the packages make."""
    named = chain.from_iterable(keywords for *_, keywords in calls())
    texts = chain.from_iterable(constants(each.value) for each in named if each.arg == "id")
    return sorted({text for text in texts if text.startswith("partstream.")})


#: The calls that make a message for a developer or a client. Those of system checks have ids.
_TELLS = re.compile(
    r"(Error|Exception|Configured|Refused|NotWalkable|NotDropped|WalkBroken|NoSuchUser|Revoked"
    r"|BadRequest|bad_input|coded_error|_refuse|refuse_above|Failure|^error)$"
)


def text_of(node):
    """The text that *node* makes, with ``…`` for what differs; empty if it makes none."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(
            text_of(part) if isinstance(part, ast.Constant) else "…" for part in node.values
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return (text_of(node.left) or "…") + (text_of(node.right) or "…")
    return ""


@cache
def messages():
    """The messages of the packages to developers and clients, each with ``…`` for what differs."""
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            texts = []
            if isinstance(node, ast.Call):
                function = node.func
                name = getattr(function, "attr", getattr(function, "id", ""))
                named = [each.value for each in node.keywords if each.arg in ("message", "text")]
                is_check = path.parent.name == "checks" or path.name == "toolbar.py"
                is_log = getattr(getattr(function, "value", None), "id", "") == "logger"
                if _TELLS.search(name) and not is_check and not is_log:
                    texts = [*node.args, *named]
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if [getattr(target, "id", "") for target in targets] == ["message"] and node.value:
                    texts = [node.value]
            elif isinstance(node, ast.Return) and path.name == "exceptions.py" and node.value:
                texts = [node.value]
            found.update(text for text in map(text_of, texts) if _is_sentence(text))
    return sorted(found)


def _is_sentence(text):
    """Whether *text* has words enough to be searched for, which a code has not."""
    return len(re.findall(r"[A-Za-z]{2,}", text)) >= 3 and " " in text
