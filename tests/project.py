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
from tests.documentation import ROOT
from tests.server.servers import PATIENCE, Log

_SERVES = "Starting development server at"


class Project:
    """
    The terminal of a reader: :meth:`write` saves a file, :meth:`run` runs a command.

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

    def write(self, name: str, code: str, *, append: bool = False) -> None:
        """Save *code* as the file *name*, or add it to the end of that file."""
        with (self.folder / name).open("a" if append else "w") as file:
            file.write(code)

    def reload(self, name: str) -> None:
        """Wait for the server to serve the code of *name*, which was saved now."""
        served = str(self.log).count(_SERVES)
        while not self.log.wait_for(_SERVES, times=served + 1):
            (self.folder / name).touch()  # it was saved before the server looked for changes

    def run(self, command: str) -> str:
        """Run *command*, and return what it printed."""
        if command.startswith(self.SKIPPED):
            return ""
        if command == "python manage.py runserver":
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
        """Stop the server as Ctrl-C does, which reaches the process that it reloads, too."""
        if self.server is not None:
            os.killpg(self.server.pid, signal.SIGINT)
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
