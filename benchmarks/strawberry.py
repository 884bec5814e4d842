"""
Strawberry on Django, in an environment of its own, which the full run makes in ``.bench/``.

Strawberry needs graphql-core 3.3, and Graphene a lower one. So Strawberry is compared there with a
plain Django view. ``@defer`` holds its response open, so that it is asked under ASGI.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.measure import Ratio

ROOT = Path(__file__).parent.parent
PLACE = ROOT / ".bench" / "strawberry"
PYTHON = PLACE / "bin" / "python"
WANTED = ("Django~=5.2.0", "strawberry-graphql>=0.341")
WHAT = {
    "plain": "strawberry, the same two types / plain Django view",
    "defer": "strawberry, one of the two in @defer / plain async Django view",
}


def install() -> None:
    """Make the environment, or bring it up to what is wanted."""
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", PLACE], check=True)
    pip = [PYTHON, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, *WANTED], check=True)


def measured(compare: Callable[..., Ratio]) -> Iterator[tuple[str, Ratio | None, str]]:
    """Yield the rows: title, and a ratio or a note that says why there is none."""
    if not PYTHON.exists():
        for what in WHAT.values():
            yield what, None, "its environment is made by the full run: make bench"
        return
    seconds = compare.keywords["seconds"]  # type: ignore[attr-defined]
    done = subprocess.run(
        [PYTHON, "-m", "benchmarks.strawberry_site", str(seconds)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name, found in json.loads(done.stdout).items():
        yield WHAT[name], Ratio(**{**found, "quartiles": tuple(found["quartiles"])}), ""
