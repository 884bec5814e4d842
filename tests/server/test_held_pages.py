"""The hold of a page with nothing but pending parts: by a server that has threads, and no other."""

import pytest

#: The shortest wait of a part that has just begun to be pending, less its jitter, in seconds.
SHORTEST = 0.42


def place(server, front, run):
    """The cursor of a walk that owes the part, after its first page; and looks at it, so far one."""
    answer = server.page(front, "waits", run=run)
    assert (answer.parts, looks(server, run)) == ({}, 1)
    return answer.cursor


def asked(server, front, cursor, run):
    """The next page of the walk, which is pending still."""
    query = {"cursor" if front == "rest" else "after": cursor}
    answer = server.page(front, "waits", run=run, **query)
    assert (answer.status, answer.parts) == (200, {})
    assert answer.cursor is not None
    return answer


def looks(server, run):
    """The looks at the part for *run*."""
    server.settled()
    return len(server.events.of("looked", run))


@pytest.mark.parametrize("kind", ["gthread", "gevent", "uvicorn"])
def test_a_server_with_threads_holds_a_page_and_looks_again(shared, kind, front, run):
    server = shared(kind)
    answer = asked(server, front, place(server, front, run), run)
    assert answer.seconds >= SHORTEST
    assert looks(server, run) == 3


def test_a_server_without_threads_answers_at_once(shared, front, run):
    server = shared("sync")
    asked(server, front, place(server, front, run), run)
    assert looks(server, run) == 2


@pytest.mark.parametrize("kind", ["gthread", "uvicorn"])
def test_no_page_is_held_in_the_transaction_of_its_request(shared, kind, run):
    server = shared(kind, atomic=True)
    asked(server, "rest", place(server, "rest", run), run)
    assert looks(server, run) == 2
