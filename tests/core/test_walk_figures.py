"""The figures of walks: medians, shares, failures, and what is a problem."""

import pytest

from django_partstream.management.documents import document
from django_partstream.management.screens import summary, table
from django_partstream.walking.figures import Spread
from tests.core.walked import came, figures, walked


@pytest.mark.parametrize(
    ("number", "rank"), [(1, 1), (2, 2), (19, 19), (20, 19), (21, 20), (40, 38), (100, 95)]
)
def test_p95_is_of_the_nearest_rank_and_the_worst_below_twenty(number, rank):
    assert Spread.of(range(1, number + 1)).p95 == rank


def test_a_spread_of_nothing_is_none():
    assert Spread.of([]) is None


def test_the_median_of_two_is_between_them():
    assert Spread.of([1, 4]).median == 2.5


def test_the_share_of_a_part_is_of_the_time_of_all_parts_of_all_walks():
    found = figures(
        walked(came("a", 10.0), came("b", 30.0)), walked(came("a", 20.0), came("b", 60.0))
    )
    assert [part.share for part in found.parts] == [0.25, 0.75]


def test_parts_that_take_no_time_have_no_share_but_zero():
    assert figures(walked(came("a", 0.0))).parts[0].share == 0


def test_a_part_of_a_server_that_tells_no_times_has_none():
    (part,) = figures(walked(came("a", None))).parts
    assert (part.ms, part.share, part.queries, part.cached) == (None, None, None, None)
    assert table(figures(walked(came("a", None))))[1].split() == [
        *("a", "-", "-", "-", "10", "B", "-", "-", "0"),
    ]


def test_figures_of_several_walks_are_the_most_of_them():
    (part,) = figures(
        walked(came("a", queries=3, size=10, cached=False)),
        walked(came("a", queries=0, size=12, cached=True)),
        walked(came("a", queries=0, size=11, cached=True)),
    ).parts
    assert (part.queries, part.size, part.cached) == (3, 12, (2, 1))


def test_a_part_that_asks_no_cache_was_neither_hit_nor_missed():
    assert figures(walked(came("a", cached=None))).parts[0].cached is None


def test_parts_stand_in_the_order_in_which_they_came_first():
    found = figures(walked(came("b"), came("a")), walked(came("a"), came("c")))
    assert [part.name for part in found.parts] == ["b", "a", "c"]


def test_a_walk_of_parts_that_ended_ok_or_fallback_has_no_problem():
    assert figures(walked(came("a"), came("b", status="fallback"))).problems() == []


def test_problems_are_told_in_sentences():
    found = figures(
        walked(came("a", status="error"), came("b", status="denied"), twice=["c", "c"]),
        walked(came("a", status="timeout"), came("b"), total=4),
        walked(came("a", status="error"), trouble="GET /: 500"),
        walked(came("a"), trouble="GET /: 500", total=9),
    )
    assert found.problems() == [
        "a ended error in 2 of 4 walks.",
        "a ended timeout in 1 of 4 walks.",
        "b ended denied in 1 of 2 walks.",
        "c came twice.",
        "2 parts never came.",
        "GET /: 500",
    ]


def test_parts_are_lost_only_if_each_page_counted_them():
    assert walked(came("a"), totals=[2, 1]).lost == 0
    assert walked(came("a"), totals=[1, 2]).lost == 0
    assert walked(came("a"), totals=[2, 2]).lost == 1
    assert walked(totals=[]).lost == 0


def test_a_table_names_the_worst_below_twenty_walks_and_p95_from_there_on():
    walks = [walked(came("a", float(ms))) for ms in range(1, 21)]
    assert table(figures(*walks[:19]))[0].split()[:3] == ["part", "median", "worst"]
    heading, row = table(figures(*walks))
    assert heading.split()[:3] == ["part", "median", "p95"]
    assert row.split()[:5] == ["a", "10.5", "ms", "19.0", "ms"]


def test_a_table_is_aligned():
    lines = table(
        figures(walked(came("orders", 1234.5, queries=12, cached=True, size=2_100), came("b")))
    )
    assert lines == [
        "part    median   worst  share    size  queries  cached  failures",
        "orders  1.23 s  1.23 s   100%  2.1 kB       12  1 of 1         0",
        "b       1.0 ms  1.0 ms     0%    10 B        -       -         0",
    ]


def test_a_summary_tells_how_long_was_waited():
    found = figures(walked(came("a"), came("b", page=2), seconds=8.5, waited=8.0))
    assert summary(found) == (
        "2 parts on 2 pages, 8.50 s; up to 8.0 s of a walk waited for pending parts."
    )


def test_a_summary_of_a_stream_has_no_pages():
    assert summary(figures(walked(came("a"), seconds=0.5), is_stream=True)) == (
        "1 part in a stream, 500.0 ms."
    )


def test_a_document_has_the_figures_of_every_part():
    found = figures(
        walked(
            came(
                "a",
                2.04,
                queries=3,
                sql_ms=1.5,
                cached=False,
                ran="thread",
                waited_ms=0.4,
                pending=2.0,
            ),
            came("b", status="denied"),
            reader="ann",
            waited=1.5,
        )
    )
    told = document("/", found, [], ["c needs --arg c.x=VALUE (Int!)"])
    assert told == {
        "target": "/",
        "by": "pages",
        "readers": ["ann"],
        "walks": 1,
        "pages": 1,
        "ms": {"median": 1000.0, "p95": 1000.0},
        "waited_ms": 1500.0,
        "parts": [
            {
                "name": "a",
                "walks": 1,
                "ms": {"median": 2.0, "p95": 2.0},
                "share": 0.671,
                "bytes": 10,
                "queries": 3,
                "sql_ms": 1.5,
                "cached": {"hits": 0, "misses": 1},
                "ran": ["thread"],
                "waited_ms": 0.4,
                "came_after_ms": {"median": 0.0, "p95": 0.0},
                "pending_ms": {"median": 2000.0, "p95": 2000.0},
                "fallbacks": 0,
                "failures": [],
            },
            {
                "name": "b",
                "walks": 1,
                "ms": {"median": 1.0, "p95": 1.0},
                "share": 0.329,
                "bytes": 10,
                "queries": None,
                "sql_ms": None,
                "cached": None,
                "ran": [],
                "waited_ms": None,
                "came_after_ms": {"median": 0.0, "p95": 0.0},
                "pending_ms": None,
                "fallbacks": 0,
                "failures": [
                    {
                        "status": "denied",
                        "code": "the_denied",
                        "message": "No.",
                        "reference": "3f2a",
                    }
                ],
            },
        ],
        "not_selected": ["c needs --arg c.x=VALUE (Int!)"],
        "hints": [],
        "problems": ["b ended denied in 1 of 1 walk."],
    }
