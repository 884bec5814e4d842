"""Hints on figures: each says what the figures show, and only where they ask for it."""

import pytest

from django_partstream.walking.watching import Planned
from tests.core.walked import came, told, walked, watched

SLOW = 1200.0


def only(hints, kind):
    """The text of the only hint, which is of *kind*."""
    assert list(hints) == [kind]
    (text,) = hints[kind]
    return text


def test_there_is_nothing_to_say_about_a_walk_in_order():
    assert told(walked(came("a"), came("b", 20.0, page=2))) == {}
    assert told(walked()) == {}


class TestShare:
    def test_of_a_single_walk_says_how_to_find_out_more(self):
        text = only(told(walked(came("sales", SLOW), came("b", 300.0, page=2))), "share")
        assert text.startswith("sales takes 80% of the time of all parts (1.20 s): compute it in")
        assert "--times 2" in text
        assert "equal" not in text

    def test_of_equal_values_for_two_readers_says_so(self):
        ann, bob = (walked(came("sales", SLOW), reader=reader) for reader in ("ann", "bob"))
        text = only(told(ann, bob), "share")
        assert "100% of the time of all parts (1.20 s) and was equal for ann and bob" in text
        assert "per_user=False if it is equal for all readers" in text

    def test_of_equal_values_for_one_reader_says_nothing_of_other_readers(self):
        ann = [walked(came("sales", SLOW), reader="ann") for _ in range(3)]
        text = only(told(*ann), "share")
        assert "was equal in each walk of the same reader: keep it with cached_for()" in text
        assert "per_user" not in text

    def test_of_values_that_differ_between_readers_alone_suggests_a_value_for_each(self):
        walks = [
            walked(came("sales", SLOW, value=reader), reader=reader)
            for reader in ("ann", "bob", "ann", "bob")
        ]
        text = only(told(*walks), "share")
        assert "was equal in each walk of the same reader" in text
        assert "per_user" not in text

    def test_of_values_that_differ_between_readers_in_a_walk_each_claims_no_equality(self):
        walks = [walked(came("sales", SLOW, value=reader), reader=reader) for reader in "ab"]
        assert "equal" not in only(told(*walks), "share")

    def test_of_values_that_change_suggests_no_cache(self):
        walks = [walked(came("sales", SLOW, value=value), reader="ann") for value in "xy"]
        text = only(told(*walks), "share")
        assert "changed between walks" in text
        assert "cached_for" not in text

    def test_of_values_equal_for_two_of_three_readers_claims_no_equality(self):
        walks = [
            walked(came("sales", SLOW, value=value), reader=reader)
            for reader, value in [("ann", "x"), ("bob", "x"), ("eve", "y")]
        ]
        assert "was equal" not in only(told(*walks), "share")

    @pytest.mark.parametrize(
        "parts",
        [
            [came("sales", 150.0), came("b", 1.0)],  # fast
            [came("sales", 300.0), came("b", 310.0, page=2), came("c", 310.0, page=3)],  # a third
            [came("sales", SLOW, cached=True)],
            [came("sales", SLOW, cached=False)],
        ],
        ids=["fast", "not much", "found in a cache", "kept in a cache"],
    )
    def test_is_not_spoken_of(self, parts):
        assert "share" not in told(walked(*parts))

    @pytest.mark.parametrize("status", ["timeout", "fallback"])
    def test_of_a_part_that_fails_is_not_spoken_of(self, status):
        walks = [walked(came("sales", SLOW, status=each)) for each in ("ok", status)]
        assert "share" not in told(*walks)


class TestFailures:
    def test_a_part_that_fails_is_told_with_its_code_and_reference(self):
        hints = told(walked(came("sales", status="error")), walked(came("sales")))
        assert only(hints, "failing") == (
            "sales failed in 1 of 2 walks, with the_error: see the log record with 3f2a."
        )

    def test_a_part_that_fails_in_two_ways_has_both_codes(self):
        walks = [walked(came("sales", status=status)) for status in ("timeout", "error")]
        assert "with the_error and the_timeout" in only(told(*walks), "failing")

    def test_a_part_that_gives_its_fallback_is_told(self):
        assert only(told(walked(came("sales", status="fallback"))), "fallback").startswith(
            "sales gave its fallback in 1 of 1 walk: its source fails"
        )


class TestLimits:
    def of(self, ms, *, limit=2.0, **options):
        part = came("sales", ms, value=ms, **options)
        return told(walked(part, watch=watched(limits={"sales": limit}))).get("near_limit")

    def test_a_part_near_its_limit_is_told_with_both(self):
        (text,) = self.of(1700.0)
        assert text.startswith("sales took up to 1.70 s, and its limit is 2 s:")

    def test_a_part_far_from_its_limit_is_not(self):
        assert self.of(1500.0) is None

    def test_a_part_that_reached_its_limit_has_failed(self):
        assert self.of(2000.0, status="timeout") is None

    def test_the_longest_of_all_walks_counts(self):
        watch = watched(limits={"sales": 2.0})
        walks = [walked(came("sales", ms), watch=watch) for ms in (1.0, 1900.0, 1.0)]
        assert "up to 1.90 s" in only(told(*walks), "near_limit")

    def test_a_part_without_a_limit_is_not(self):
        assert told(walked(came("sales", 150.0), watch=watched())) == {}


class TestCaches:
    def test_a_part_that_is_never_found_in_its_cache_is_told(self):
        walks = [walked(came("sales", cached=False), reader="ann") for _ in range(3)]
        assert only(told(*walks), "never_hit").startswith(
            "sales asked its cache 3 times and was never found there:"
        )

    def test_a_first_walk_as_each_reader_says_nothing(self):
        walks = [walked(came("sales", cached=False), reader=reader) for reader in ("ann", "bob")]
        assert told(*walks) == {}

    def test_a_single_hit_is_enough(self):
        walks = [walked(came("sales", cached=cached)) for cached in (False, False, True)]
        assert told(*walks) == {}

    @pytest.mark.parametrize("status", ["fallback", "error"])
    def test_a_part_whose_value_is_not_kept_says_nothing(self, status):
        walks = [walked(came("sales", cached=False, status=status)) for _ in range(3)]
        assert "never_hit" not in told(*walks)


class TestSizes:
    def test_a_value_of_megabytes_is_told(self):
        assert only(told(walked(came("sales", size=2_400_000))), "large").startswith(
            "sales is 2.4 MB of JSON:"
        )

    def test_a_value_of_less_is_not(self):
        assert told(walked(came("sales", size=999_999))) == {}


class TestStatements:
    SQL = "SELECT *  FROM customer\n WHERE id = %s"

    def rows(self, number, part="orders", repeat=1):
        return watched(*[(part, self.SQL, row) for row in range(number)] * repeat)

    def test_a_query_for_each_row_is_told_with_its_text(self):
        text = only(told(walked(came("orders"), watch=self.rows(40))), "rows")
        assert text == (
            "orders runs a statement with 40 sets of parameters: "
            "SELECT * FROM customer WHERE id = %s. Fetch all of its rows at once, with "
            "select_related() or prefetch_related()."
        )

    def test_a_few_queries_of_the_same_text_are_not(self):
        assert told(walked(came("orders"), watch=self.rows(9))) == {}

    def test_queries_of_different_texts_are_not(self):
        watch = watched(*[("orders", f"SELECT {number}", 0) for number in range(50)])
        assert told(walked(came("orders"), watch=watch)) == {}

    def test_walks_are_not_added_up(self):
        walks = [walked(came("orders"), watch=self.rows(9)) for _ in range(5)]
        assert told(*walks) == {}

    def test_a_query_for_each_row_below_the_parts_is_told(self):
        text = only(told(walked(came("orders"), watch=self.rows(10, part=None))), "rows")
        assert text.startswith("Code outside of the parts, such as fields below them, runs")

    def test_a_statement_with_the_same_parameters_is_told_with_its_parts(self):
        watch = watched(("a", self.SQL, 1), ("b", self.SQL, 1), ("a", self.SQL, 1))
        text = only(told(walked(came("a"), came("b"), watch=watch)), "equal_statements")
        assert text.startswith(
            "a and b run a statement 3 times in a walk, with the same parameters: SELECT *"
        )

    def test_a_part_with_other_parameters_is_not_named_beside_those_with_the_same(self):
        watch = watched(*[("a", self.SQL, 1)] * 3, ("b", self.SQL, 2))
        text = only(told(walked(came("a"), came("b"), watch=watch)), "equal_statements")
        assert text.startswith("a runs a statement 3 times in a walk, with the same parameters")

    def test_parts_that_repeat_a_statement_each_with_its_own_parameters_are_told_apart(self):
        watch = watched(*[("a", self.SQL, 1)] * 3, *[("b", self.SQL, 2)] * 4)
        texts = told(walked(came("a"), came("b"), watch=watch))["equal_statements"]
        assert [text[:29] for text in texts] == [
            "a runs a statement 3 times in",
            "b runs a statement 4 times in",
        ]

    @pytest.mark.parametrize(
        "statements",
        [
            [("a", "SELECT 1", 1)] * 2,
            [("a", "SELECT 1", number) for number in range(9)],
            [(None, "SELECT session", 1)] * 9,
        ],
        ids=["twice", "with other parameters", "outside of parts"],
    )
    def test_other_repetitions_are_not_told(self, statements):
        assert told(walked(came("a"), watch=watched(*statements))) == {}

    def test_a_long_statement_is_cut(self):
        watch = watched(*[("a", f"SELECT {'x' * 500}", row) for row in range(10)])
        assert len(only(told(walked(came("a"), watch=watch)), "rows")) < 320


class TestPlanning:
    def of(self, *ms, queries, immediate=()):
        plans = [Planned(each / 1000, queries, [*immediate], {}) for each in ms]
        return told(walked(came("a"), watch=watched(plans=plans))).get("planning")

    def test_work_on_each_page_is_told_with_the_parts_that_are_not_lazy(self):
        (text,) = self.of(48.0, 45.0, queries=3, immediate=["overview", "totals"])
        assert text == (
            "get_parts() takes 45.0 ms and makes 3 queries, on each page. overview and totals are "
            "not lazy: if it computes them, lazy() leaves that to the page that carries them."
        )

    def test_work_without_such_parts_is_told(self):
        expected = ["get_parts() takes 45.0 ms and makes 0 queries, on each page."]
        assert self.of(45.0, 46.0, queries=0) == expected

    def test_a_first_call_that_is_slow_for_its_imports_is_not_told(self):
        assert self.of(300.0, 2.0, 3.0, queries=0) is None

    def test_the_time_of_a_single_call_is_not_told(self):
        assert self.of(300.0, queries=0) is None

    def test_the_queries_of_a_single_call_are_told_with_the_parts_that_are_not_lazy(self):
        (text,) = self.of(2.0, queries=1, immediate=["overview"])
        assert text.startswith("get_parts() takes 2.0 ms and makes 1 query, on each page. overview")

    def test_a_query_that_chooses_lazy_parts_is_not_told(self):
        assert self.of(1.0, 1.0, queries=1) is None

    def test_immediate_parts_that_take_nothing_are_not_told(self):
        assert self.of(0.1, 0.1, queries=0, immediate=["title"]) is None


class TestPages:
    def test_a_fast_part_before_a_slow_one_on_its_page_is_told(self):
        hints = told(walked(came("a", 3.0), came("b", 5.0), came("sales", 400.0)))
        (text,) = hints["waiting_behind"]
        assert text == (
            "a and b wait for sales (400.0 ms), which is on the same page: lower chunk_size, or "
            "send a stream."
        )

    def test_a_fast_part_behind_a_slow_one_is_to_come_first(self):
        hints = told(walked(came("sales", 400.0), came("a", 3.0)))
        (text,) = hints["waiting_behind"]
        assert text == (
            "a waits for sales (400.0 ms), which is on the same page: move sales behind, or send a "
            "stream with concurrency = 2 or more."
        )

    def test_a_fast_part_that_waits_for_a_slow_one_in_a_stream_is_told(self):
        waited = [came("a", 3.0, waited_ms=300.0), came("b", 400.0), came("c", 3.0, waited_ms=700)]
        hints = told(walked(came("sales", 300.0), *waited), is_stream=True)
        of_a, of_c = hints["waiting_behind"]
        assert of_a == (
            "a waits for sales (300.0 ms), which comes first in the stream: move sales behind, or "
            "set concurrency = 2 or more."
        )
        assert of_c.startswith("c waits for b (400.0 ms), which comes first in the stream: move b")

    @pytest.mark.parametrize(
        ("parts", "options"),
        [
            ([came("a", 3.0), came("sales", 400.0, page=2)], {}),
            ([came("a", 3.0), came("sales", 150.0)], {}),
            ([came("a", 300.0), came("sales", 400.0)], {}),
            ([came("a", 3.0), came("sales", 400.0)], {"is_stream": True}),
            ([came("sales", 400.0), came("a", 3.0, waited_ms=0.1)], {"is_stream": True}),
            ([came("sales", 400.0), came("a", 90.0, waited_ms=400.0)], {"is_stream": True}),
            ([came("sales", 150.0), came("a", 3.0, waited_ms=400.0)], {"is_stream": True}),
        ],
        ids=[
            "on another page",
            "not slow",
            "not fast",
            "before in a stream",
            "in another lane of a stream",
            "not fast in a stream",
            "not slow in a stream",
        ],
    )
    def test_a_part_that_waits_for_none_is_not_told(self, parts, options):
        assert "waiting_behind" not in told(walked(*parts), **options)
