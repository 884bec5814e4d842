"""
Processes that share a cache in Redis and ask for the same value when a test tells them to.

Their orders and their reports are lists in the same Redis, under the prefix of the test.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import redis

from tests import services

#: How long a test waits for a process and a process for a test, in seconds.
PATIENCE = 30


def connected():
    """A connection to Redis on which a wait of ``PATIENCE`` seconds and more is possible."""
    return redis.Redis.from_url(
        services.REDIS_URL, decode_responses=True, socket_timeout=5 * PATIENCE
    )


class Askers:
    """All asking processes, from the side of the test."""

    def __init__(self, prefix):
        self.prefix = prefix
        self.server = connected()
        self.processes = {}

    def start(self, *names):
        """Start processes of these *names*. Each orders its sets differently."""
        for name in names:
            self.processes[name] = subprocess.Popen(
                [
                    *(sys.executable, "-c"),
                    f"from tests.core.asker import serve; serve({self.prefix!r}, {name!r})",
                ],
                cwd=Path(__file__).parents[2],
                env={**os.environ, "PYTHONHASHSEED": str(len(self.processes) + 1)},
            )

    def tell(self, *names, **job):
        """Have each process of these *names* ask for the value; *job* gives the options of :class:`Job`."""
        for name in names:
            self.server.rpush(f"{self.prefix}:told:{name}", json.dumps(job))

    def heard(self, what):
        """
        The next report on the list *what*.

        The lists ``began`` and ``missed`` have names of processes, ``got`` pairs of name and value.
        """
        found = self.server.blpop([f"{self.prefix}:{what}"], PATIENCE)
        assert found, f"No process {what}."
        return json.loads(found[1])

    def wait_until_missed(self, *names):
        """Wait until each of these processes has found neither a value nor a free lease."""
        missed = set()
        while not missed >= set(names):
            missed.add(self.heard("missed"))

    def let_go(self):
        """Let a process that waits in its computation go on."""
        self.server.rpush(f"{self.prefix}:go", "")

    @property
    def runs(self):
        """How often the value was computed."""
        return int(self.server.get(f"{self.prefix}:runs") or 0)

    def forget(self):
        """Delete the cached values and the reports."""
        for key in self.server.scan_iter(f"{self.prefix}*"):
            self.server.delete(key)

    def kill(self, name):
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        assert process.wait(PATIENCE) == -signal.SIGKILL

    def stop(self):
        """End all processes, and check that each did its jobs."""
        for name in self.processes:
            self.server.rpush(f"{self.prefix}:told:{name}", json.dumps(None))
        try:
            codes = {name: one.wait(PATIENCE) for name, one in self.processes.items()}
        finally:
            for process in self.processes.values():
                process.kill()
                process.wait(PATIENCE)
            self.forget()
            self.server.close()
        assert set(codes.values()) <= {0}, codes


class Job:
    """The options of a computation: how it goes on after its process has reported ``began``."""

    def __init__(self, *, waits=False, fails=False, dies=False, none=False, ahead=0, **options):
        self.waits = waits  # until let_go()
        self.fails, self.dies, self.none = fails, dies, none
        self.ahead = ahead  # by how many seconds the clock of the process is fast
        self.lease = options.pop("lease", None)
        self.options = {"seconds": 60, **options}


class Asker:
    """An asking process, from its own side."""

    def __init__(self, prefix, name):
        self.prefix, self.name = prefix, name
        self.server = connected()
        self.job = Job()

    def say(self, what, value):
        self.server.rpush(f"{self.prefix}:{what}", json.dumps(value))

    def compute(self):
        runs = self.server.incr(f"{self.prefix}:runs")
        self.say("began", self.name)
        if self.job.waits:
            assert self.server.blpop([f"{self.prefix}:go"], PATIENCE)
        if self.job.dies:
            os._exit(0)
        if self.job.fails:
            raise ValueError
        return None if self.job.none else f"value {runs}"

    def ask(self):
        from django.core.cache.backends.redis import RedisCacheClient
        from django.test import RequestFactory

        from django_partstream import cached_for, safe_call
        from django_partstream.caching import entries

        @safe_call(fallback="failed")
        @cached_for(**self.job.options, key="k")
        def get(request, words, *, choice):
            return self.compute()

        get_client, now, wrote = RedisCacheClient.get_client, time.time, []

        def noting(client, key=None, *, write=False):
            # A caller that has found no value takes the lease, or tries to: its first write. With
            # any later use of the cache, it has missed.
            if wrote == [True]:
                wrote.append(self.say("missed", self.name))
            elif write:
                wrote.append(True)
            return get_client(client, key, write=write)

        with (
            mock.patch.object(RedisCacheClient, "get_client", noting),
            mock.patch.object(entries, "LEASE", self.job.lease or entries.LEASE),
            mock.patch("time.time", side_effect=lambda: now() + self.job.ahead),
        ):
            words = {"one", "two", "three", "four"}
            return get(RequestFactory().get("/?b=2&a=1"), words, choice={"of": frozenset(words)})

    def serve(self):
        while told := self.server.blpop([f"{self.prefix}:told:{self.name}"], 4 * PATIENCE):
            job = json.loads(told[1])
            if job is None:
                break
            self.job = Job(**job)
            self.say("got", [self.name, self.ask()])


def serve(prefix, name):
    """Run as the asking process *name*."""
    import django
    from django.conf import settings

    cache = services.cache(KEY_PREFIX=prefix)
    settings.configure(SECRET_KEY="-", ALLOWED_HOSTS=["*"], CACHES={"default": cache})
    django.setup()
    Asker(prefix, name).serve()
