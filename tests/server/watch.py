"""Samples of a server while clients walk: its connections, memory and threads."""

from __future__ import annotations

import subprocess

import psycopg

from tests import services


class Watch:
    """Samples of the server whose connections have the name *application* in PostgreSQL."""

    def __init__(self, application: str) -> None:
        self.application = application
        self.connections: list[int] = []
        self.memory: list[float] = []
        self.threads: list[int] = []

    def look(self, pids: set[int], threads: int) -> None:
        """Take a sample: the memory, in MB, is that of the largest of *pids*."""
        with psycopg.connect(services.POSTGRES_URL) as connection:
            counting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
            (count,) = connection.execute(counting, [self.application]).fetchone()
        told = subprocess.run(
            ["ps", "-o", "rss=", *(f"-p{pid}" for pid in pids)], capture_output=True, check=True
        )
        self.connections.append(count)
        self.memory.append(max(int(one) for one in told.stdout.split()) / 1024)
        self.threads.append(threads)
