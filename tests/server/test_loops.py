"""No page holds up an event loop, and the coroutines of a page run together in every server."""

import pytest

from tests.server.servers import PATIENCE


def test_coroutines_of_a_page_run_together_in_every_server(server, front):
    answer = server.page(front, "fast,meets_a,rows_a,meets_b")
    assert answer.parts == {"fast": "fast", "meets_a": "met", "rows_a": 42, "meets_b": "met"}
    assert answer.codes == {}


@pytest.mark.parametrize("atomic", [False, True], ids=["autocommit", "atomic-requests"])
@pytest.mark.parametrize("kind", ["gthread", "gevent", "uvicorn"])
def test_coroutines_of_several_requests_wait_at_the_same_time(shared, kind, front, atomic, gate):
    server = shared(kind, atomic=atomic)
    names = "gated_async,rows_a,gated_timed_async"
    pages = [server.soon(front, names, gate=gate.port) for _ in range(4)]
    # In a transaction the parts of a page come one after another, outside of it together.
    for _ in range(2 if atomic else 1):
        visits = [gate.visit() for _ in range(4 if atomic else 8)]
        assert not any(page.done() for page in pages)
        for visit in visits:
            visit.open()
    for page in pages:
        answer = page.result(PATIENCE)
        assert answer.codes == {}
        assert answer.parts == {
            "gated_async": "let through", "rows_a": 42, "gated_timed_async": "let through",
        }  # fmt: skip


@pytest.mark.parametrize("part", ["gated", "gated_async", "gated_timed", "gated_timed_async"])
def test_an_event_loop_answers_while_a_part_waits(shared, front, part, gate):
    server = shared("uvicorn")
    waiting = server.soon(front, f"{part},rows_a", gate=gate.port)
    visit = gate.visit()
    answer = server.page(front, "rows_a,timely,meets_a,meets_b")
    assert answer.parts == {"rows_a": 42, "timely": 42, "meets_a": "met", "meets_b": "met"}
    assert not waiting.done()
    visit.open()
    assert waiting.result(PATIENCE).parts == {part: "let through", "rows_a": 42}


def test_an_event_loop_answers_while_parts_wait_in_threads(shared, front, gate):
    server = shared("uvicorn")
    names = "gated,gated_too,rows_a,rows_b"
    waiting = server.soon(front, names, together=True, gate=gate.port)
    visits = [gate.visit(), gate.visit()]
    answer = server.page(front, "rows_a,rows_b", together=True)
    assert answer.parts == {"rows_a": 42, "rows_b": 42}
    assert not waiting.done()
    for visit in visits:
        visit.open()
    assert waiting.result(PATIENCE).parts == {
        "gated": "let through", "gated_too": "let through", "rows_a": 42, "rows_b": 42,
    }  # fmt: skip
