"""nginx before a server, as a process of its own."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

from tests.server.servers import PATIENCE, Asking
from tests.tools import program

#: Compression is on for everything that a stream or a page may be.
CONFIGURATION = """\
daemon off;
user {user};
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_cache_path {folder}/cache keys_zone=pages:1m;
    gzip on;
    gzip_min_length 1;
    gzip_proxied any;
    gzip_types text/event-stream application/jsonl application/x-ndjson application/json;
    upstream shop {{ server {host}:{target}; }}
    server {{
        listen 127.0.0.1:{port};
        {location}
    }}
}}
"""

LOCATION = "location / {{ proxy_pass http://shop; proxy_set_header Host $host; {directives} }}"


class Nginx(Asking):
    """
    nginx before *target*, an address, with *directives* in its location; its files are in *folder*.

    With *location* that is the location. It can be asked at once: its socket is bound before it begins. It ends with :meth:`stop`.
    """

    def __init__(
        self,
        folder: Path,
        target: tuple[str, int],
        *directives: str,
        location: str | None = None,
    ) -> None:
        nginx = program("nginx")
        folder.mkdir()
        self._log = folder / "error.log"
        told = " ".join(f"{directive};" for directive in directives)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.address = listening.getsockname()
            configuration = CONFIGURATION.format(
                user=getpass.getuser(),
                folder=folder,
                port=self.address[1],
                host=target[0],
                target=target[1],
                location=location or LOCATION.format(directives=told),
            )
            (folder / "nginx.conf").write_text(configuration)
            number = listening.fileno()
            self._process = subprocess.Popen(
                [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")],
                # Its way to take over sockets, which it has for its own upgrades.
                env={**os.environ, "NGINX": f"{number};"},
                pass_fds=[number],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def __enter__(self) -> Nginx:
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()

    def log(self) -> str:
        """The text of its error log."""
        return self._log.read_text()

    def stop(self) -> None:
        """End it at once."""
        self._process.terminate()
        self._process.wait(PATIENCE)
