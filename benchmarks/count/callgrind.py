"""The counts of callgrind: a process under valgrind, and the files that it leaves."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import needs

ROOT = Path(__file__).parents[2]
SHIM = Path(__file__).with_name("shim.c")


def count_all(cases: Collection[str]) -> dict[str, float]:
    """
    The instructions of a request, by the name of the case: ``kind:name``.

    Each kind has a process of its own. As many run together as there are processors.

    Raises:
        LackingError: valgrind or gcc is missing.
        RuntimeError: a process failed; the text has the end of its output.
    """
    valgrind, gcc = needs.program("valgrind"), needs.program("gcc")
    kinds = {case.partition(":")[0] for case in cases}
    counts: dict[str, float] = {}
    with TemporaryDirectory() as directory, ThreadPoolExecutor(os.cpu_count()) as pool:
        shim = Path(directory, "shim.so")
        _run([gcc, "-shared", "-fPIC", "-O1", "-o", str(shim), str(SHIM)])

        def count(kind: str) -> None:
            place = Path(directory, kind)
            place.mkdir()
            names = sorted(case.partition(":")[2] for case in cases if case.startswith(f"{kind}:"))
            found = _count(valgrind, place, [kind, "--shim", str(shim), *names])
            counts.update({f"{kind}:{name}": number for name, number in found.items()})

        list(pool.map(count, sorted(kinds)))
    return counts


def _count(valgrind: str, place: Path, arguments: list[str]) -> dict[str, float]:
    """Run the child with *arguments*, and read the files that callgrind writes in *place*."""
    output = _run(
        [
            *(valgrind, "--tool=callgrind", "--instr-atstart=no", "--quiet"),
            f"--callgrind-out-file={place}/out",
            *(sys.executable, "-m", "benchmarks.count.child", *arguments),
        ]
    )
    times: dict[str, int] = json.loads(output)
    totals = dict(filter(None, map(_total, place.iterdir())))
    return {name: totals[name] / number for name, number in times.items()}


def _total(file: Path) -> tuple[str, int] | None:
    """The name and the instructions of a file that was written under a name, else None."""
    text = file.read_text(errors="replace")
    name = re.search(r"^desc: Trigger: Client Request: (\S+)", text, re.MULTILINE)
    total = re.search(r"^(?:totals|summary): (\d+)", text, re.MULTILINE)
    return (name[1], int(total[1])) if name and total else None


def _run(command: list[str]) -> str:
    done = subprocess.run(
        command,
        cwd=ROOT,
        # The order of a set of texts must be the same in each run.
        env={**os.environ, "PYTHONHASHSEED": "0"},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout
