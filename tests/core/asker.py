"""
Processes that share a cache in Redis, each of which asks for one value when it is told to.

What they are told and what they say are lists in that Redis, under a prefix of their own.
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

#: How long anyone waits for anyone, in seconds.
PATIENCE = 30


def connected():
    """A connection on which one may wait for so long, and longer."""
    return redis.Redis.from_url(
        services.REDIS_URL, decode_responses=True, socket_timeout=5 * PATIENCE
    )


class Askers:
    """The processes, as a test sees them."""

    def __init__(self, prefix):
        self.prefix = prefix
        self.server = connected()
        self.processes = {}

    def start(self, *names):
        """Start processes of these names; no two order a set in the same way."""
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
        """Have each ask for the value; *job* is what its computation does (:class:`Job`)."""
        for name in names:
            self.server.rpush(f"{self.prefix}:told:{name}", json.dumps(job))

    def heard(self, what):
        """The next of what they say: who ``began`` or ``missed``, or what one ``got``."""
        found = self.server.blpop([f"{self.prefix}:{what}"], PATIENCE)
        assert found, f"Nobody {what}."
        return json.loads(found[1])

    def wait_until_missed(self, *names):
        """Wait until each of these has found no value, and neither the right to compute one."""
        missed = set()
        while not missed >= set(names):
            missed.add(self.heard("missed"))

    def let_go(self):
        """Let one that waits in its computation go on."""
        self.server.rpush(f"{self.prefix}:go", "")

    @property
    def runs(self):
        """How often the value was computed."""
        return int(self.server.get(f"{self.prefix}:runs") or 0)

    def forget(self):
        """Drop what the cache holds, and what was said."""
        for key in self.server.scan_iter(f"{self.prefix}*"):
            self.server.delete(key)

    def kill(self, name):
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        assert process.wait(PATIENCE) == -signal.SIGKILL

    def stop(self):
        """End them all, each of which has done what it was told."""
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
    """What the computation of one process does, after it has said that it began."""

    def __init__(self, *, waits=False, fails=False, dies=False, none=False, ahead=0, **options):
        self.waits = waits  # until it is let go
        self.fails, self.dies, self.none = fails, dies, none
        self.ahead = ahead  # by how many seconds the clock of its computer is
        self.lease = options.pop("lease", None)
        self.options = {"seconds": 60, **options}


class Asker:
    """One process, as it sees itself."""

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
            # Who has found no value takes the lease, or tries to; and whatever it does after
            # that, it has missed.
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
    """Be one of them."""
    import django
    from django.conf import settings

    cache = services.cache(KEY_PREFIX=prefix)
    settings.configure(SECRET_KEY="-", ALLOWED_HOSTS=["*"], CACHES={"default": cache})
    django.setup()
    Asker(prefix, name).serve()
