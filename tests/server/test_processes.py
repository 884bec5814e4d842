"""Processes that are forked after first use, and processes that must end during a page."""

import signal

import pytest

from tests.server.servers import ONE_PROCESS, PATIENCE

#: The exit status of each kind on SIGTERM; uvicorn raises the signal again after its requests.
EXIT = {"sync": 0, "gthread": 0, "uvicorn": -signal.SIGTERM}

#: The log message of each kind once it has the signal and waits for open pages.
TOLD = {
    "sync": "Handling signal: term",
    "gthread": "Handling signal: term",
    "uvicorn": "Waiting for connections to close.",
}

KEPT = {"CONN_MAX_AGE": 60}

FINE = {"rows_a": 42, "rows_b": 42, "rows_c": 42, "rows_d": 42, "timely": 42}


@pytest.mark.parametrize(
    ("kind", "postgres"),
    [
        pytest.param("sync", None, id="sync-sqlite"),
        pytest.param("sync", KEPT, id="sync-postgresql", marks=pytest.mark.postgres),
        pytest.param("gthread", KEPT, id="gthread-postgresql", marks=pytest.mark.postgres),
    ],
)
def test_processes_forked_after_a_page_was_delivered_deliver_pages(start, kind, postgres, gate):
    server = start(
        *(kind, "--preload", "--workers=2"),
        postgres=postgres,
        SITE_WARM_UP=str(gate.port),
        SITE_PARTSTREAM={"MAX_ABANDONED_CALLS": 1},
    )
    assert (
        gate.visit().part == "hangs_at_gate"
    )  # this late call is in the process that forks, and stays there
    for front in ["rest", "graphql"] * 4:
        answer = server.page(front, ",".join(FINE), together=True)
        assert (answer.parts, answer.codes) == (FINE, {})
    answer = server.page("rest", "rows_a,hangs_at_gate", gate=gate.port)
    assert (
        gate.visit().part == "hangs_at_gate"
    )  # this call begins: the late call of the parent is not counted
    assert (answer.parts["rows_a"], answer.codes) == (42, {"hangs_at_gate": "part_timed_out"})


@pytest.mark.parametrize("together", [False, True], ids=["in-order", "together"])
@pytest.mark.parametrize("kind", EXIT)
def test_a_server_that_gets_sigterm_delivers_its_open_page_and_ends(
    start, kind, together, run, gate
):
    server = start(kind, *ONE_PROCESS.get(kind, []))
    late = server.page("rest", "hangs_at_gate", gate=gate.port)
    assert late.codes == {"hangs_at_gate": "part_timed_out"}
    assert (
        gate.visit().part == "hangs_at_gate"
    )  # it is not opened, and the server does not wait for it
    names = "rows_a,gated,gated_async,gated_timed,rows_e,timely_too"
    front = "graphql" if together else "rest"
    page = server.soon(front, names, together=together, run=run, gate=gate.port)
    visit = gate.visit()
    server.terminate()
    assert server.log.wait_for(TOLD[kind])
    assert not page.done()
    visit.open()
    for _ in range(2):
        gate.visit().open()  # parts that begin only now
    answer = page.result(PATIENCE)
    assert (answer.status, answer.codes) == (200, {})
    assert answer.parts == {
        "rows_a": 42, "gated": "let through", "gated_async": "let through",
        "gated_timed": "let through", "rows_e": 42, "timely_too": 42,
    }  # fmt: skip
    assert server.process.wait(PATIENCE) == EXIT[kind]
    assert len(server.events.ends(run, times=6)) == 6
