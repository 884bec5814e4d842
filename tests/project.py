"""A project that the commands of a page make, in a folder of its own, with its server."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests import tools
from tests.documentation import ROOT, SHOP, blocks
from tests.server.servers import PATIENCE, Log

_SERVES = "development server at http:"
_PENDING = '"pending"'

#: The most pages of a walk that waits for a part.
TRIES = 100


def masked(printed: str) -> list[str]:
    """The lines of *printed* with cursors shortened, and an N for what differs each time."""
    text = re.sub(r"eyJ0eXAi[\w.-]+", "eyJ0eXAi…", printed)
    text = re.sub(r'"(reference|retry_after|progress)":("\w+"|null|[\d.]+)', r'"\1":N', text)
    text = re.sub(r"\d+(\.\d+)? (ms|s)\b", r"N \2", text)
    return [re.sub(" +", " ", line).strip() for line in text.splitlines() if line.strip()]


def commands_of(console: str) -> list[tuple[str, str]]:
    """The commands of the block *console*, each with what it prints."""
    shown = re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]
    return [(command, lines) for command, _, lines in (each.partition("\n") for each in shown)]


class Project:
    """
    The terminal of a reader: :meth:`save` saves a block of Python, :meth:`check` runs a console.

    The packages are those of this environment. So the commands that would make a virtual
    environment and install into it are not run. The server has a port of its own in place of
    8000. ``eyJ0eXAi…`` in a command is the cursor that was printed last.
    """

    SKIPPED = ("python3 -m venv ", ". .venv/", "pip install ")

    def __init__(self, folder: Path) -> None:
        tools.program("curl")
        self.folder, self.cursor = folder, ""
        self.server: subprocess.Popen[bytes] | None = None
        self.log = Log()
        with socket.create_server(("127.0.0.1", 0)) as unused:
            self.address = f"127.0.0.1:{unused.getsockname()[1]}"
        scripts = str(Path(sys.executable).parent)
        self.environ = {
            **os.environ,
            "PATH": os.pathsep.join([scripts, os.environ["PATH"]]),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "NO_COLOR": "1",
        }
        del self.environ["DJANGO_SETTINGS_MODULE"]

    def save(self, code: str) -> None:
        """Save *code* as the file that its first line names, and wait until it is served."""
        name, _, place = code.partition("\n")[0].removeprefix("# ").partition(", ")
        path = self.folder / name
        is_watched = self.server is not None and path.exists()
        served = str(self.log).count(_SERVES)
        with path.open("a" if place == "at the end" else "w") as file:
            file.write(code)
        for _ in range(3 if is_watched else 0):
            if self.log.wait_for(_SERVES, times=served + 1):
                return
            path.touch()  # it was saved before the server looked for changes
        assert not is_watched, str(self.log)

    def make_shop(self) -> None:
        """Make the shop of the pages, with its two orders, and serve it."""
        self.run("django-admin startproject shop .")
        (template,) = blocks(SHOP, "html")
        place = self.folder / "shop" / "templates"
        place.mkdir(parents=True, exist_ok=True)
        (place / "dashboard.html").write_text(template)
        for code in blocks(SHOP, "python"):
            self.save(code)
        (console,) = blocks(SHOP, "console")
        self.check(console)

    def check(self, console: str) -> str:
        """Run each command of *console*, and compare what they print with what it shows."""
        told = []
        for command, shown in commands_of(console):
            printed = self.run(command)
            for _ in range(TRIES):
                if _PENDING not in printed or _PENDING in shown:
                    break
                printed = self.run(command)  # with the cursor of the page before
            assert masked(printed) == masked(shown), command
            told.append(printed)
        return "\n".join(told)

    def run(self, command: str) -> str:
        """Run *command*, and return what it printed."""
        if command.startswith(self.SKIPPED):
            return ""
        if command.endswith(" runserver"):
            self._serve(f"{command} {self.address}")
            return ""
        command = command.replace("127.0.0.1:8000", self.address)
        done = subprocess.run(
            ["bash", "-c", command.replace("eyJ0eXAi…", self.cursor)],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        self.cursor = ([self.cursor, *re.findall(r"eyJ0eXAi[\w.-]+", done.stdout)])[-1]
        return done.stdout

    def close(self) -> None:
        """Stop the server, and the process that it reloads."""
        if self.server is not None:
            os.killpg(self.server.pid, signal.SIGTERM)
            self.server.wait(PATIENCE)
        else:
            os.close(self.log.writing)

    def _serve(self, command: str) -> None:
        self.server = subprocess.Popen(
            command.split(),
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=self.log.writing,
            stderr=self.log.writing,
            start_new_session=True,
        )
        os.close(self.log.writing)
        assert self.log.wait_for(_SERVES), str(self.log)
