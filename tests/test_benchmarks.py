"""The benchmarks measure and print correctly. Their speed is not tested."""

import json
import os
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from benchmarks import load, report
from benchmarks.measure import Ratio, paired
from benchmarks.rows.row import Row
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
        (Row("peer", None, note="not installed"), ""),
    ],
)
def test_a_row_has_a_verdict_only_where_it_has_a_target(one, verdict):
    assert one.verdict == verdict
    assert report.markdown([one]).count("\n") == 2
    assert verdict in report.markdown([one])


def test_the_chart_has_a_bar_for_every_ratio():
    picture = ElementTree.fromstring(report.chart([row(0.5, 0.6), row(2), Row("none", None)]))
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
    assert len(with_targets) == 10
    assert all(any(word in line for word in ("ok", "MISSED", "skipped")) for line in with_targets)


def test_the_committed_results_have_the_rows_of_a_full_run():
    written = json.loads((ROOT / "benchmarks/results.json").read_text())
    table = (ROOT / "benchmarks/results.md").read_text()
    for one in written["rows"]:
        assert one["what"] in table
    assert sum(one["target"] is not None for one in written["rows"]) == 10
