"""
Run `make demo` as a newcomer does, twice in a copy of the project, and look what it serves.

Then run `make demo-celery` there, which has to serve the same.
"""

# ruff: noqa: D102, D103, S101, S310, S603, S607, T201

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import Request, urlopen

HERE = Path(__file__).resolve().parent.parent
READY = "Ctrl-C stops the server."
INSTALLING = "Installing"
QUERY = HERE / "example_schema" / "dashboard.graphql"
WAIT = 300  # seconds, most of them for a slow package index


def main() -> None:
    # Begun in the background, this would pass on to the demo that it ignores Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as directory:
        copy_project(Path(directory))
        run(Path(directory), "demo", installs=True)
        run(Path(directory), "demo", installs=False)
        if has_redis() or os.environ.get("CI") == "true":
            run(Path(directory), "demo-celery", installs=True)
        else:
            print("Skipped make demo-celery, which needs Redis: docker run -p 6379:6379 redis")


def run(place: Path, target: str, *, installs: bool) -> None:
    demo = Demo(place, target, free_port())
    try:
        demo.wait_for(READY)
        look_around(demo.address, is_fresh=target == "demo")
        if installs and target == "demo":
            walk_by_command(demo)
        refuse_a_taken_port(demo)
    finally:
        output = demo.stop()
    check("Stopped." in output and "Traceback" not in output, output)
    check((INSTALLING in output) == installs, output)
    print(f"make {target} serves what it should.", flush=True)


def look_around(address: str, *, is_fresh: bool) -> None:
    """Look at all pages. A cache that *is_fresh* has no forecast yet."""
    check("</html>" in fetch(address), "/ is no page")
    look_at_graphiql(f"{address}graphql/")
    check("openapi: 3." in fetch(f"{address}api/schema/", Accept="text/html"), "no OpenAPI page")

    rest, waited_for = walk_rest(f"{address}api/dashboard/")
    check(waited_for == {"sales_forecast"} or not (is_fresh or waited_for), waited_for)
    graphql = walk_graphql(f"{address}graphql/")
    check(len(rest) == len(graphql) > 1, f"{rest} over REST, {graphql} over GraphQL")


def look_at_graphiql(url: str) -> None:
    page = fetch(url, Accept="text/html")
    check("GraphiQL" in page, "/graphql/ is no GraphiQL")
    files = re.findall(r'(?:src|href)="([^"]*)"', page)
    check(len(files) > 10, files)
    for file in files:
        check(re.match("/[^/]", file), f"GraphiQL loads {file} from another host")
        fetch(urljoin(url, file))


def walk_by_command(demo: Demo) -> None:
    """Walk the shop as somebody on call does: in a process beside the server, and over HTTP."""
    url = f"{demo.address}api/dashboard/"
    walks = [["/api/dashboard/"], ["/api/dashboard/", "--stream"], ["Query.dashboard"]]
    for walk in [[*each, "--user", "demo"] for each in walks] + [[url], [url, "--stream"]]:
        command = [".venv/bin/python", "manage.py", "partstream", "walk", *walk]
        done = subprocess.run(
            command,
            cwd=demo.place,
            env={**demo.env, "EXAMPLE_FORECAST_SECONDS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        check(done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
        check("7 parts " in done.stdout, done.stdout)
        print(done.stdout, flush=True)


def walk_rest(url: str) -> tuple[list[str], set[str]]:
    """Follow the cursor alone, to the parts of the response and those that were pending."""
    parts: list[str] = []
    waited_for: set[str] = set()
    cursor = None
    while True:
        page = json.loads(fetch(f"{url}?{urlencode({'cursor': cursor})}" if cursor else url))
        check("errors" not in page, page)
        parts += [name for part in page["results"] for name in part]
        waited_for |= {entry["part"] for entry in page.get("pending", ())}
        cursor = page["cursor"]
        if cursor is None:
            check(len(set(parts)) == len(parts) == page["meta"]["total_parts"], parts)
            return parts, waited_for


def walk_graphql(url: str) -> list[str]:
    parts: list[str] = []
    query = QUERY.read_text()
    after = None
    while True:
        # A GET, for a POST would need the CSRF token that GraphiQL takes from its cookie.
        variables = json.dumps({"after": after})
        answer = json.loads(fetch(f"{url}?{urlencode({'query': query, 'variables': variables})}"))
        check("errors" not in answer, answer)
        page = answer["data"]["dashboard"]
        check(all(edge["node"]["status"] == "OK" for edge in page["edges"]), page)
        parts += [edge["node"]["name"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            check(len(set(parts)) == len(parts) == page["totalCount"], parts)
            return parts


def refuse_a_taken_port(demo: Demo) -> None:
    command = ["make", demo.target, f"PORT={demo.port}"]
    second = subprocess.run(
        command, cwd=demo.place, env=demo.env, capture_output=True, text=True, check=False
    )
    check(second.returncode != 0, second.stdout)
    check("is in use" in second.stderr and "Traceback" not in second.stderr, second.stderr)


class Demo:
    """A running ``make demo``, or another *target*, and what it printed."""

    def __init__(self, place: Path, target: str, port: int) -> None:
        self.place = place
        self.target = target
        self.port = port
        self.address = f"http://127.0.0.1:{port}/"
        # As from a shell: the variables of a make around this one are not the newcomer's.
        self.env = {k: v for k, v in os.environ.items() if k not in {"MAKEFLAGS", "MAKELEVEL"}}
        self.lines: Queue[str | None] = Queue()
        self.output = ""
        self.process = subprocess.Popen(
            ["make", target, f"PORT={port}"],
            cwd=place,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def wait_for(self, text: str | None) -> None:
        """Read until a line holds *text*; None is the end."""
        while True:
            try:
                line = self.lines.get(timeout=WAIT)
            except Empty:
                sys.exit(f"make {self.target} said nothing for {WAIT} s after:\n{self.output}")
            if line is None:
                check(text is None, f"make {self.target} ended:\n{self.output}")
                return
            self.output += line
            if text is not None and text in line:
                return

    def stop(self) -> str:
        """Press Ctrl-C, and return all it printed."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        self.wait_for(None)
        self.process.wait()
        return self.output


def copy_project(place: Path) -> None:
    """Copy what git tracks, or would."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=HERE, capture_output=True, check=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (HERE / name).is_file():  # else deleted since
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(HERE / name, place / name)


def has_redis() -> bool:
    try:
        socket.create_connection(("127.0.0.1", 6379), timeout=2).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def fetch(url: str, **headers: str) -> str:
    try:
        with urlopen(Request(url, headers=headers), timeout=60) as response:
            text: str = response.read().decode()
            return text
    except HTTPError as error:
        sys.exit(f"GET {url}: {error}")


def check(holds: Any, otherwise: object) -> None:
    if not holds:
        sys.exit(str(otherwise))


if __name__ == "__main__":
    main()
