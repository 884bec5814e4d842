"""The example shop on a live server, for clients in processes of their own."""

from collections.abc import Iterator
from unittest import mock

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command

from tests.settings import HAS_GRAPHQL, HAS_REST
from tests.tools import ROOT, node_modules, npm

if not (HAS_REST and HAS_GRAPHQL):
    collect_ignore_glob = ["test_*.py"]  # the example shop has both fronts


@pytest.fixture
def shop(transactional_db, live_server, client, settings) -> Iterator[dict[str, str]]:
    """
    The environment variables for a client: the address, and the session of a staff member.

    The dashboard has no forecast, for the tests have a part of their own that is pending.
    """
    from example_schema.parts import DashboardParts
    from tests.clients import controls

    settings.PARTSTREAM = {"SERVER_TIMING": True}  # for the timeline of parts
    known = DashboardParts.get_parts
    fewer = lambda board: [pair for pair in known(board) if pair[0] != "sales_forecast"]  # noqa: E731

    call_command("seed", customers=20, products=15, orders=40, verbosity=0)
    client.force_login(get_user_model().objects.get())
    session = client.cookies[settings.SESSION_COOKIE_NAME]
    with mock.patch.object(DashboardParts, "get_parts", fewer):
        yield {"PARTSTREAM_URL": live_server.url, "PARTSTREAM_SESSION": session.value}
    controls.reset()


@pytest.fixture
def vitest(shop):
    """Run the Vitest tests of a folder against the shop; fail with their output."""

    def run(folder):
        folder = ROOT / folder
        node_modules(folder)
        done = npm("test", "--silent", folder=folder, NO_COLOR="1", **shop)
        if done.returncode:
            pytest.fail(done.stdout, pytrace=False)

    return run
