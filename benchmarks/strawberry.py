"""
Strawberry on Django, in an environment of its own, which the full run makes in ``.bench/``.

Strawberry is compared there with a plain Django view. Its ``@defer`` has no row, because it needs a
pre-release of graphql-core 3.3 and a response that is held open.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import Ratio

ROOT = Path(__file__).parent.parent
PLACE = ROOT / ".bench" / "strawberry"
PYTHON = PLACE / "bin" / "python"
WHAT = "strawberry on Django, the same two types / plain Django view"


def install() -> None:
    """Make the environment unless it exists."""
    if PYTHON.exists():
        return
    subprocess.run([sys.executable, "-m", "venv", PLACE], check=True)
    wanted = ["Django~=5.2.0", "strawberry-graphql"]
    pip = [PYTHON, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, *wanted], check=True)


def measured(compare: Callable[..., Ratio]) -> Iterator[tuple[str, Ratio | None, str]]:
    """Yield the row: its title, and a ratio or a note that says why there is none."""
    if not PYTHON.exists():
        yield WHAT, None, "its environment is made by the full run: make bench"
        return
    seconds = compare.keywords["seconds"]  # type: ignore[attr-defined]
    done = subprocess.run(
        [PYTHON, "-m", "benchmarks.strawberry_site", str(seconds)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    found["quartiles"] = tuple(found["quartiles"])
    yield WHAT, Ratio(**found), ""
