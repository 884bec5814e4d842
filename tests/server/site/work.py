"""The background functions of the site."""

import socket
from secrets import token_hex

from django_partstream import background, progress

#: The longest time that a job waits for its gate, in seconds.
PATIENCE = 20.0


@background(keep=60, limit=60)
def through_gate(port):
    """Tell of half the progress, wait at the gate, and return another text each time."""
    progress(0.5)
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as gate:
        gate.sendall(b"through_gate\n")
        gate.recv(1)
    return token_hex(8)
