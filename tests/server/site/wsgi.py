import os

from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.test import RequestFactory

from tests.server.site import observing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.server.site.settings")

observing.begin()

application = get_wsgi_application()

# After Django is set up, and before the first request, which would otherwise take longer.
from django_partstream.delivery import streams  # noqa: E402
from tests.server.site import events, urls  # noqa: E402

events.listen()

streams.PATIENCE = float(os.environ.get("SITE_PATIENCE", streams.PATIENCE))

if os.environ.get("SITE_WARM_UP"):
    names = "rows_a,rows_b,rows_c,rows_d,timely,hangs_in_sql,hangs_at_gate"
    query = {"parts": names, "run": "warm-up", "gate": os.environ["SITE_WARM_UP"]}
    view = urls.View.as_view(chunk_size=50, concurrency=4)
    page = view(RequestFactory().get("/", query)).data
    if [error["code"] for error in page.get("errors", ())] != ["part_timed_out"] * 2:
        raise RuntimeError(f"The warm-up got {page}.")
    connections.close_all()  # a process must close its connections before it forks
