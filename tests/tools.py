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

#: How to get each program, by the name of its command.
INSTALL = {
    "chromium": "apt-get install chromium, or name yours in PARTSTREAM_CHROMIUM",
    "curl": "apt-get install curl",
    "nginx": "apt-get install nginx-light",
    "node": f"apt-get install nodejs (version {NODE} or newer)",
    "npm": f"apt-get install npm (Node.js {NODE} or newer)",
}


def lack(what: str) -> NoReturn:
    """Fail the test in CI, and skip it elsewhere; *what* names the missing program."""
    if os.environ.get("CI") == "true":
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


def find(name: str) -> str | None:
    """The path of the program *name*, or None. Debian keeps servers apart from other programs."""
    if name != "chromium":
        return shutil.which(name) or shutil.which(name, path="/usr/sbin")
    named = os.environ.get("PARTSTREAM_CHROMIUM")
    return named or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def missing() -> list[str]:
    """A line for each program in INSTALL that is not here: its name, and how to get it."""
    return [f"needs {name}: {how}" for name, how in INSTALL.items() if find(name) is None]


def chromium() -> str:
    """The path of Chromium."""
    return program("chromium")


def program(name: str) -> str:
    """The path of the program *name*."""
    path = find(name)
    if path is None:
        lack(f"needs {name}: {INSTALL[name]}")
    return path


def npm(*arguments: str, folder: Path = ROOT, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run npm in *folder* with *environ* added to the environment, and capture its output."""
    command, node = program("npm"), program("node")
    version = subprocess.run([node, "--version"], check=True, capture_output=True, text=True)
    if int(version.stdout.lstrip("v").partition(".")[0]) < NODE:
        lack(f"Node.js {version.stdout.strip()} is too old: install {NODE} or newer.")
    return subprocess.run(
        [command, *arguments],
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
