"""The programs that some tests need besides Python, or a message about what to install."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parent.parent

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
NODE = 20  # the oldest supported version


def lack(what: str) -> NoReturn:
    """Fail the test in CI, and skip it elsewhere; *what* names the missing program."""
    if os.environ.get("CI") == "true":
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


def chromium() -> str:
    """The path of Chromium."""
    path = os.environ.get("PARTSTREAM_CHROMIUM")
    path = path or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if path is None:
        lack("No Chromium: apt-get install chromium, or name yours in PARTSTREAM_CHROMIUM.")
    return path


def program(name: str) -> str:
    """The path of the program *name*."""
    path = shutil.which(name)
    if path is None:
        lack(f"No {name}: apt-get install {'nodejs' if name == 'node' else name}.")
    return path


def npm(*arguments: str, folder: Path = ROOT, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run npm in *folder* with *environ* added to the environment, and capture its output."""
    program, node = shutil.which("npm"), shutil.which("node")
    if program is None or node is None:
        lack(f"No npm: apt-get install npm (Node.js {NODE} or newer).")
    version = subprocess.run([node, "--version"], check=True, capture_output=True, text=True)
    if int(version.stdout.lstrip("v").partition(".")[0]) < NODE:
        lack(f"Node.js {version.stdout.strip()} is too old: install {NODE} or newer.")
    return subprocess.run(
        [program, *arguments],
        cwd=folder,
        env={**os.environ, **environ},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )


def node_modules(folder: Path) -> Path:
    """The ``node_modules`` of the npm project in *folder*, installed from its lock file."""
    modules = folder / "node_modules"
    lock = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    stamp = modules / ".installed"
    if not (stamp.exists() and stamp.read_text() == lock):
        done = npm("ci", "--no-audit", "--no-fund", folder=folder)
        assert done.returncode == 0, done.stdout
        stamp.write_text(lock)
    return modules
