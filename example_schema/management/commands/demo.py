import errno
from contextlib import ExitStack
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.servers.basehttp import (
    ThreadedWSGIServer,
    WSGIRequestHandler,
    get_internal_wsgi_application,
)

from example_schema.seeding import DEMO_PASSWORD, DEMO_USERNAME
from example_schema.workers import celery_worker, require_redis

PAGES = {
    "Dashboard": "/",
    "GraphiQL": "/graphql/",
    "REST": "/api/dashboard/",
    "OpenAPI": "/api/schema/",
    "Admin": "/admin/",
}


class Command(BaseCommand):
    help = "Prepare the example shop and serve it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
        parser.add_argument(
            "--port", type=int, default=8000, help="default: %(default)s; 0 takes a free one"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # Bind the port before the work, so that a port in use is reported at once. Clients that
        # connect during the work wait.
        host = options["host"].strip("[]")
        has_worker = settings.PARTSTREAM.get("BACKGROUND") == "celery"
        with listen(host, options["port"]) as server, ExitStack() as beside:
            if has_worker:
                require_redis()
            try:
                self.prepare(options["verbosity"])
                if has_worker:
                    beside.enter_context(celery_worker())
                server.set_app(StaticFilesHandler(get_internal_wsgi_application()))
                self.greet(host, server.server_port, has_worker=has_worker)
                server.serve_forever()
            except KeyboardInterrupt:
                self.stdout.write("\nStopped.")

    def prepare(self, verbosity: int) -> None:
        call_command("migrate", verbosity=max(0, verbosity - 1), interactive=False)
        call_command("seed", verbosity=verbosity, stdout=self.stdout)

    def greet(self, host: str, port: int, *, has_worker: bool) -> None:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # not a wildcard address
        if ":" in host:
            host = f"[{host}]"
        self.stdout.write("")
        for name, path in PAGES.items():
            self.stdout.write(f"{name:<11}http://{host}:{port}{path}")
        self.stdout.write(f"Sign in as {DEMO_USERNAME} with the password {DEMO_PASSWORD}.")
        if has_worker:
            self.stdout.write(
                f"Slow parts are computed by Celery, by way of {settings.EXAMPLE_REDIS_URL}."
            )
        self.stdout.write("Ctrl-C stops the server.\n\n")
        self.stdout.flush()


def listen(host: str, port: int) -> ThreadedWSGIServer:
    try:
        return ThreadedWSGIServer((host, port), WSGIRequestHandler, ipv6=":" in host)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CommandError(
                f"Port {port} is in use. Choose another: --port, or make demo PORT=..."
            ) from error
        raise CommandError(f"Cannot listen on {host}, port {port}: {error.strerror}.") from error
    except OverflowError as error:
        raise CommandError(f"--port {port} is not a port; they go up to 65535.") from error
