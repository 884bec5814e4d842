"""The benchmarks measure and print correctly. Their speed is not tested."""

import itertools
import json
import os
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from benchmarks import load, missed, needs, report, waiting
from benchmarks.count import bounds, callgrind
from benchmarks.count.__main__ import main as count
from benchmarks.measure import Ratio, paired
from benchmarks.rows.row import Row
from django_partstream.exceptions import PartPending
from tests.settings import HAS_GRAPHQL, HAS_REST
from tests.tools import ROOT

pytestmark = pytest.mark.skipif(not (HAS_REST and HAS_GRAPHQL), reason="they compare both fronts")


class Clock:
    """A clock that moves only when a contender takes time."""

    now = 0.0

    def __call__(self):
        return self.now

    def taking(self, seconds):
        def contender():
            self.now += next(seconds)

        return contender


def repeat(*values):
    while True:
        yield from values


def test_the_benchmark_result_is_the_median_of_the_ratios_of_all_pairs():
    clock = Clock()
    subject = clock.taking(repeat(2, 2, 3, 4))
    base = clock.taking(repeat(1))
    found = paired(subject, base, seconds=0, burst=1, least=5, clock=clock)
    # The first call of each contender is a warm-up.
    assert (found.median, found.lowest, found.highest, found.pairs) == (2, 2, 4, 5)


def test_a_burst_of_calls_is_timed_as_a_whole():
    clock = Clock()
    found = paired(
        clock.taking(repeat(1, 3)),
        clock.taking(repeat(1)),
        seconds=0,
        burst=4,
        least=2,
        clock=clock,
    )
    assert found.median == 2


def test_a_benchmark_goes_on_for_the_given_seconds():
    clock = Clock()
    found = paired(
        clock.taking(repeat(1)), clock.taking(repeat(1)), seconds=20, burst=1, least=2, clock=clock
    )
    assert found.pairs == 10


def row(ratio, target=None, **options):
    return Row("a <view> / another", Ratio.of([ratio, ratio]), target, **options)


@pytest.mark.parametrize(
    ("one", "verdict"),
    [
        (row(1.2), ""),
        (row(1.2, 1.3), "ok"),
        (row(1.4, 1.3), "MISSED"),
        (row(0.95, 0.9, at_least=True), "ok"),
        (row(0.85, 0.9, at_least=True), "MISSED"),
        (row(14, 15, unit="ms", best=True), "ok"),
        (row(16, 15, unit="ms", best=True), "MISSED"),
        (Row("peer", None, note="not installed"), ""),
    ],
)
def test_a_row_has_a_verdict_only_where_it_has_a_target(one, verdict):
    assert one.verdict == verdict
    assert report.markdown([one]).count("\n") == 2
    assert verdict in report.markdown([one])


def test_a_figure_with_a_unit_is_the_best_of_its_runs():
    one = Row("first part", Ratio.of([21, 14, 30]), 15, unit="ms", best=True)
    assert one.verdict == "ok"
    assert report.markdown([one]).endswith(
        "| first part | 14.00 ms | 14.00 to 30.00 | 3 | ≤ 15.00 ms | ok |"
    )
    (told,) = json.loads(report.as_json([one]))["rows"]
    assert (told["figure"], told["unit"]) == (14, "ms")


def test_a_missed_figure_is_told_with_its_unit(tmp_path, monkeypatch):
    one = Row("first part", Ratio.of([21, 16]), 15, unit="ms", best=True)
    monkeypatch.setattr(missed, "RESULTS", tmp_path / "results.json")
    missed.RESULTS.write_text(report.as_json([one]))
    assert "| time | first part | 16.00 ms | ≤ 15.00 ms |" in missed.missed()


def test_the_chart_has_a_bar_for_every_ratio():
    rows = [row(0.5, 0.6), row(2), row(14, 15, unit="ms"), Row("none", None)]
    picture = ElementTree.fromstring(report.chart(rows))
    bars = [one for one in picture.iter() if one.tag.endswith("rect")]
    assert len(bars) == 2
    assert "a <view> / another" in {one.text for one in picture.iter()}


def test_a_rate_with_failed_responses_is_refused():
    printed = "  7 requests in 1.00s, 1KB read\nRequests/sec:      7.50\nTransfer/sec:    1.0KB\n"
    assert load.responses_a_second(printed) == 7.5
    for failure in ("  Non-2xx or 3xx responses: 7\n", "  Socket errors: connect 0, read 1\n"):
        with pytest.raises(RuntimeError, match=failure.strip()):
            load.responses_a_second(failure + printed)


def run(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "benchmarks.settings"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_benchmark_run_prints_every_row_with_a_target():
    """Run all contenders for zero seconds. The run asserts by itself that they answer alike."""
    printed = run("benchmarks", "--quick", "--seconds", "0")
    with_targets = [line for line in printed.splitlines() if "≤" in line or "≥" in line]
    assert len(with_targets) == 21
    assert all(any(word in line for word in ("ok", "MISSED", "skipped")) for line in with_targets)


def test_the_committed_results_have_the_rows_of_a_full_run():
    written = json.loads((ROOT / "benchmarks/results.json").read_text())
    table = (ROOT / "benchmarks/results.md").read_text()
    for one in written["rows"]:
        assert one["what"] in table
    # A row that is newer than the last full run is not among them before the next.
    assert sum(one["target"] is not None for one in written["rows"]) in (18, 21)


def test_every_missed_target_is_on_the_page_about_benchmarks():
    table = missed.missed()
    assert table in missed.PAGE.read_text(), "benchmarks.missed.write() writes it again"
    for one in bounds.read():
        assert (f"| instructions | {one.what} |" in table) is one.is_missed


# make count.


@pytest.fixture(scope="module")
def answers():
    """The JSON of each case, by its name."""
    cases = {name for one in bounds.read() for name in (one.subject, one.beside)}
    found = {}
    for kind in {name.partition(":")[0] for name in cases}:
        names = [name.partition(":")[2] for name in cases if name.startswith(f"{kind}:")]
        answered = json.loads(run("benchmarks.count.child", kind, *names))
        found |= {f"{kind}:{name}": without_cursors(value) for name, value in answered.items()}
    return found


def without_cursors(value):
    """*value* with the text of each cursor replaced, for no two cursors are equal."""
    if isinstance(value, list):
        return [without_cursors(one) for one in value]
    if isinstance(value, dict):
        return {
            key: "a cursor" if one and key in ("cursor", "endCursor") else without_cursors(one)
            for key, one in value.items()
        }
    return value


@pytest.mark.parametrize("one", bounds.read(), ids=lambda one: one.what)
def test_a_counted_page_answers_like_the_page_beside_it(one, answers):
    assert answers[one.subject] == answers[one.beside]
    assert "errors" not in answers[one.subject]


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A table of two rows, with ratios of 1.2 and 0.5."""
    file = tmp_path / "bounds.csv"
    file.write_text(
        f"# {bounds.python()}; a comment\n"
        "what,subject,beside,target,reached,bound\n"
        "page / view,orjson:page,orjson:view,1.1,1.19,1.25\n"
        "django / view,orjson:django,orjson:view,,0.5,\n"
    )
    counts = {"orjson:page": 1_200_000.0, "orjson:view": 1e6, "orjson:django": 500_000.0}
    monkeypatch.setattr(bounds, "FILE", file)
    monkeypatch.setattr(callgrind, "count_all", lambda cases: counts)
    return file


def test_a_count_within_its_bound_passes_though_its_target_is_missed(table, capsys):
    assert count([]) == 0
    page, django, _ = capsys.readouterr().out.splitlines()[1:]
    assert page.endswith("MISSED")
    assert "1.200   1.250   1.100" in page
    assert django.split()[-3:] == ["500", "/", "1,000"]


def test_a_count_past_its_bound_is_a_failure(table, capsys):
    table.write_text(table.read_text().replace("1.25", "1.199"))
    assert count([]) == 1
    told = capsys.readouterr()
    assert "PAST ITS BOUND" in told.out
    assert told.err == "page / view: 1.200 is past its bound of 1.199.\n"


def test_new_bounds_are_a_little_above_what_was_counted(table, tmp_path, monkeypatch):
    monkeypatch.setattr(missed, "PAGE", tmp_path / "benchmarks.md")
    missed.PAGE.write_text(f"before\n{missed.BEGIN}old\n{missed.END}after\n")
    assert count(["--set-bounds"]) == 0
    page, django = bounds.read()
    assert (page.reached, page.bound, page.target) == (1.2, 1.236, 1.1)
    assert (django.reached, django.bound) == (0.5, None)
    text = missed.PAGE.read_text()
    assert text.startswith(f"before\n{missed.BEGIN}| missed")
    assert "| instructions | page / view | 1.200 | ≤ 1.100 |" in text
    assert text.endswith(f"{missed.END}after\n")


@pytest.fixture(params=["valgrind", "python"])
def lacking(request, table, monkeypatch):
    """The reason that nothing can be counted."""
    if request.param == "python":
        table.write_text(table.read_text().replace(bounds.python(), "CPython 2.7"))
        return "The bounds are for CPython 2.7"

    def fail(cases):
        raise needs.LackingError("No valgrind")

    monkeypatch.setattr(callgrind, "count_all", fail)
    return "No valgrind"


def test_a_count_that_cannot_be_made_is_skipped(lacking, monkeypatch, capsys):
    monkeypatch.delenv("CI", raising=False)
    assert count([]) == 0
    assert f"skipped: {lacking}" in capsys.readouterr().out


def test_a_count_that_cannot_be_made_is_a_failure_in_ci(lacking, monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(needs.LackingError, match=lacking):
        count([])


def test_a_missing_program_is_lacking(monkeypatch):
    monkeypatch.setenv("PATH", "")
    for name in needs.INSTALL:
        with pytest.raises(needs.LackingError, match=f"No {name}: apt-get install {name}"):
            needs.program(name)


class TestReadersThatWait:
    def test_a_reader_asks_again_after_the_wait_of_the_library(self):
        asked = waiting.looks(600)
        for at, following in itertools.pairwise(asked):
            wait = PartPending("", age=at, limit=600).retry_after
            assert 0.84 <= wait / (following - at) <= 1.16
        assert asked[-2] < 600 <= asked[-1]

    def test_the_table_has_the_requests_of_all_readers_in_a_second(self):
        asked = waiting.looks(60)
        rate = waiting.READERS * len(asked) / asked[-1]
        assert f"| 60 s | {len(asked)} | {rate:,.0f} |" in waiting.table().splitlines()

    def test_the_program_times_a_page_that_waits_and_prints_the_table(self):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.waiting", "--seconds", "0.05"],
            cwd=ROOT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": ""},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        told = re.match(r"A core makes ([\d,]+) pages of a pending part in a second", done.stdout)
        assert int(told[1].replace(",", "")) > 0
        assert done.stdout.endswith(f"{waiting.table()}\n")
