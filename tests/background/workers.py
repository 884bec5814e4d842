"""Worker processes of the site: Celery's, and the ``db_worker`` of django-tasks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

from tests.server.servers import PATIENCE, Events, Log

#: The commands of workers, and the words in their logs that say that they wait for messages.
KINDS = {
    "celery": (
        [
            *("celery", "--app=tests.background.site.celery", "worker", "--loglevel=INFO"),
            *("--concurrency=2", "--without-gossip", "--without-mingle", "--without-heartbeat"),
        ],
        " ready.",
    ),
    "tasks": (
        ["django", "db_worker", "--interval=0.1", "--no-startup-delay", "--queue-name=*"],
        "Starting worker",
    ),
}

#: Warnings are errors, but for Celery's advice not to run as root, which CI does.
WARNINGS = ["-W", "error", "-W", "ignore:You're running the worker with superuser privileges"]


class Worker:
    """
    A worker process with its children, in a session of its own. It is ready when this returns.

    *options* are for its command. *environ* is the environment of the site; a value that is no str
    is written as JSON.
    """

    def __init__(self, kind: str, *options: str, **environ: Any) -> None:
        self.kind, self.log, self.events = kind, Log(), Events()
        command, ready = KINDS[kind]
        self.process = subprocess.Popen(
            [sys.executable, *WARNINGS, "-m", *command, *options],
            env=environment(SITE_EVENTS=f"/dev/fd/{self.events.writing}", **environ),
            stdin=subprocess.DEVNULL,
            stdout=self.log.writing,
            stderr=self.log.writing,
            pass_fds=[self.events.writing],
            start_new_session=True,
        )
        os.close(self.events.writing)
        os.close(self.log.writing)
        if not self.log.wait_for(ready):
            self.kill()
            raise RuntimeError(f"The worker did not start:\n{self.log}")

    def kill(self) -> None:
        """Kill the worker with its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)


def environment(**environ: Any) -> dict[str, str]:
    """The environment of a process of the site."""
    told = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in environ.items()
    }
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "DJANGO_SETTINGS_MODULE": "tests.background.site.settings",
        **told,
    }
