"""Events of the site, written line by line to ``SITE_EVENTS`` by all its processes."""

import json
import os
from typing import Any


def tell(event: str, run: str, **what: Any) -> None:
    line = json.dumps({"event": event, "run": run, "pid": os.getpid(), **what})
    # One write, so that lines of several processes never mix.
    file = os.open(os.environ["SITE_EVENTS"], os.O_WRONLY | os.O_APPEND)
    try:
        os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)
