"""Pages while Celery's broker is down, while it hangs, and after it has come back."""

import pytest

from tests.background.conftest import BROKERS, on_broker
from tests.background.walks import page, pending, poll, walk

#: The longest time that a page may be held: the two seconds that a broker has, and some for itself.
HELD = 2.5


@pytest.fixture(scope="module", params=BROKERS)
def worked_site(request):
    """A site with a worker, which reaches the broker directly."""
    for site in on_broker(request.param):
        site.start_worker()
        yield site


@pytest.fixture(scope="module", params=[True, False], ids=["with time limits", "as Celery comes"])
def site(request, worked_site):
    """That site with a server, with the time limits of our documentation and without."""
    options = worked_site.environ["SITE_BROKER_OPTIONS"]
    if not request.param:
        kept = {"global_keyprefix"}
        options = {name: option for name, option in options.items() if name in kept}
    worked_site.start_server(SITE_BROKER_OPTIONS=options)
    return worked_site


@pytest.fixture(autouse=True)
def _well_again(site):
    yield
    site.broker.proxy.open()


def failures(site, run):
    """The failures on a page that asks for a job. The page is never held for long."""
    answer = page(site.server, "fast,forecast", run=run)
    assert answer.seconds < HELD
    assert answer.parts["fast"] == "fast"
    assert ("forecast" in answer.parts) != (pending(answer) == ["forecast"])
    return [(error["code"], error["retryable"]) for error in answer.body.get("errors", [])]


def recovers(site, run):
    """Whether the value comes, from a single computation, once the broker is back."""
    poll(lambda: not failures(site, run))
    assert walk(site.server, "forecast", run=run).parts == {"forecast": f"forecast of {run}"}
    return len(site.worker.events.of("begun", run)) == 1


def test_a_broker_that_is_down_fails_the_part_until_it_is_back(site, run):
    site.broker.proxy.close()
    assert failures(site, run) == [("part_failed", True)]
    site.broker.proxy.open()
    assert recovers(site, run)


def test_a_broker_that_goes_down_after_a_message_fails_later_parts_until_it_is_back(site, run):
    assert walk(site.server, "forecast", run=f"before {run}").codes == {}
    site.broker.proxy.close()
    assert failures(site, run) == [("part_failed", True)]
    site.broker.proxy.open()
    assert recovers(site, run)


def test_a_broker_that_hangs_holds_no_page_for_long(site, run):
    site.broker.proxy.stall()
    for _ in range(3):
        failures(site, run)
    site.broker.proxy.open()
    assert recovers(site, run)


def test_a_broker_that_hangs_after_a_message_holds_no_page_for_long(site, run):
    assert walk(site.server, "forecast", run=f"before {run}").codes == {}
    site.broker.proxy.stall()
    for number in range(3):
        failures(site, f"{number} of {run}")
    site.broker.proxy.open()
    for number in range(3):
        assert recovers(site, f"{number} of {run}")


def test_a_broker_that_has_restarted_fails_no_part(site, run):
    assert walk(site.server, "forecast", run=f"before {run}").codes == {}
    site.broker.proxy.close()
    site.broker.proxy.open()
    assert failures(site, run) == []
    assert recovers(site, run)
