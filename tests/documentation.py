"""The documentation's code: read from a page, and run as modules of its shop."""

from __future__ import annotations

import json
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from django_partstream.jobs import functions
from example_schema import models
from example_schema.models import Customer, Order

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
SHOP = ROOT / "docs" / "shop.md"
TYPES = ROOT / "docs" / "types.md"


def folder_of(package: str) -> Path:
    """The folder of *package*, which may be installed from a wheel."""
    return Path(str(find_spec(package).origin)).parent


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of *page* in *language*, in order."""
    pattern = rf"^```{language}\n(.*?)^```$"
    return re.findall(pattern, page.read_text(), re.MULTILINE | re.DOTALL)


def steps(page: Path) -> list[tuple[str, str]]:
    """The code blocks of *page* in order: the language of each, and its code."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[str]:
    """The commands of *page*, in order."""
    return re.findall(r"^\$ (.*)$", page.read_text(), re.MULTILINE)


def block(page: Path, text: str) -> str:
    """The only Python block of *page* that contains *text*."""
    (code,) = [code for code in blocks(page, "python") if text in code]
    return code


def run_module(monkeypatch: pytest.MonkeyPatch, code: str, name: str) -> ModuleType:
    """Run *code* as the module *name*, which later blocks can import."""
    module = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(code, f"documentation ({name})", "exec"), vars(module))
    return module


def make_shop(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Make the shop's project: each block a module, in the order of reading, and two orders."""
    # Its background functions are no longer known after the test: its app is gone then.
    monkeypatch.setattr(functions, "_declared", functions._declared.copy())
    monkeypatch.setitem(sys.modules, "shop", ModuleType("shop"))
    monkeypatch.setitem(sys.modules, "shop.models", models)
    for name in ("parts", "schema", "views", "urls"):
        run_module(monkeypatch, block(SHOP, f"# shop/{name}.py\n"), f"shop.{name}")
    settings.ROOT_URLCONF = sys.modules["shop.urls"]
    ann = Customer.objects.create(name="Ann", email="ann@example.com", city="Oslo")
    for pk, total in [(1, "10.50"), (2, "20.25")]:
        Order.objects.create(pk=pk, customer=ann, total=total)


def shapes(text: str) -> list[str]:
    """The lines of *text* with an N in place of each figure with a unit, and single blanks."""
    figures = re.compile(r"[0-9a-f]{8}|\d+(\.\d+)? (ms|s)\b|\d+(\.\d+)?")
    return [re.sub(" +", " ", figures.sub("N", line)).strip() for line in text.splitlines()]


def shortened(page: Any) -> Any:
    """*page* with its cursors as the documentation shows them."""
    return json.loads(re.sub(r'"eyJ0eXAi[\w.-]+"', '"eyJ0eXAi…"', json.dumps(page)))


def shop_of(page, monkeypatch, settings):
    """Make the shop's project; the function returned runs a block of *page* as ``shop.<name>``."""
    make_shop(monkeypatch, settings)

    def run(name):
        return run_module(monkeypatch, block(page, f"# shop/{name}.py\n"), f"shop.{name}")

    return run


def shop_with_types(monkeypatch, settings):
    """The shop's project with the view of the page on types at its address; as ``shop_of()``."""
    run = shop_of(TYPES, monkeypatch, settings)
    run("views")
    urls = block(SHOP, "# shop/urls.py\n")
    settings.ROOT_URLCONF = run_module(monkeypatch, urls, "shop.urls")
    return run
