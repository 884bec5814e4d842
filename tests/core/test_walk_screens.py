"""A walk on a screen: a bar on a terminal, plain lines elsewhere, colors only where they are wanted."""

from io import BytesIO, TextIOWrapper

import pytest
from django.core.management.base import OutputWrapper
from django.core.management.color import color_style, no_style

from django_partstream.management.screens import Screen
from django_partstream.walking.hints import Hint
from django_partstream.walking.walks import Pending, Total
from tests.commands import Terminal
from tests.core.walked import came, figures, walked

ERASED = "\r\x1b[K"


class Out(Terminal):
    """A terminal that takes lines as the output of a command does."""

    def __init__(self, *, is_terminal=True):
        super().__init__()
        self.isatty = lambda: is_terminal

    def write(self, text, ending="\n"):
        super().write(text + ending)


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")


def lines_of(out):
    """The lines that stay on a terminal."""
    return [line.rpartition(ERASED)[2] for line in out.getvalue().split("\n")]


def test_each_line_of_a_pipe_is_there_when_its_part_has_come():
    raw = BytesIO()
    screen = Screen(OutputWrapper(TextIOWrapper(raw)), no_style(), walks=1)
    screen.begin(None)
    screen.tell(came("a", 2.0))
    assert raw.getvalue() == b"  a  ok  2.0 ms  10 B\n"


def test_a_terminal_has_a_bar_that_is_drawn_again_for_each_event():
    out = Out()
    screen = Screen(out, no_style(), walks=1)
    screen.begin(None)
    screen.tell(Total(4))
    assert lines_of(out) == ["[....................] 0 of 4"]
    screen.tell(came("a", 2.0))
    assert lines_of(out) == ["  a  ok  2.0 ms  10 B", "[#####...............] 1 of 4"]
    screen.tell(Pending("b", None))
    screen.tell(Pending("c", 0.4))
    assert lines_of(out)[-1] == "[#####...............] 1 of 4, waiting for b and c (40%)"
    screen.tell(came("b", 2.0, pending=1.5))
    assert lines_of(out)[-2:] == [
        "  b  ok  2.0 ms  10 B  after 1.5 s pending",
        "[##########..........] 2 of 4, waiting for c (40%)",
    ]
    screen.erase()
    assert lines_of(out)[-1] == ""


def test_a_bar_without_a_total_counts():
    out = Out()
    screen = Screen(out, no_style(), walks=1)
    screen.begin(None)
    screen.tell(came("a"))
    assert lines_of(out)[-1] == "1"


def test_a_bar_of_more_parts_than_were_told_is_full():
    out = Out()
    screen = Screen(out, no_style(), walks=1)
    screen.begin(None)
    screen.tell(Total(1))
    screen.tell(came("a"))
    screen.tell(came("b"))
    assert lines_of(out)[-1] == "[####################] 2 of 1"


def test_a_bar_is_never_wider_than_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    out = Out()
    screen = Screen(out, no_style(), walks=1)
    screen.begin(None)
    screen.tell(Total(2))
    screen.tell(Pending("a_part_with_a_long_name", None))
    assert len(lines_of(out)[-1]) == 29


@pytest.mark.parametrize(("term", "is_terminal"), [("dumb", True), ("xterm", False)])
def test_another_output_has_plain_lines(term, is_terminal, monkeypatch):
    monkeypatch.setenv("TERM", term)
    out = Out(is_terminal=is_terminal)
    screen = Screen(out, no_style(), walks=1)
    screen.begin(None)
    screen.tell(Total(2))
    screen.tell(Pending("a", 0.2))
    screen.tell(Pending("a", 0.4))
    screen.tell(came("a", None))
    screen.tell(came("b", 1.0, status="denied"))
    screen.end(walked(came("a")))
    assert out.getvalue() == (
        "  a  pending\n  a  ok  10 B\n  b  denied  1.0 ms  10 B  the_denied: No.\n"
    )


def test_the_style_colors_a_status_by_what_it_means():
    out = Out(is_terminal=False)
    screen = Screen(out, color_style(force_color=True), walks=1)
    screen.begin(None)
    for status in ("ok", "fallback", "error"):
        screen.tell(came("a", status=status))
    colors = [line.partition("\x1b[")[2].partition("m")[0] for line in out.getvalue().splitlines()]
    assert len({*colors}) == 3


def test_later_walks_tell_only_the_parts_that_did_not_end_ok():
    out = Out(is_terminal=False)
    screen = Screen(out, no_style(), walks=2)
    for status in ("ok", "fallback"):
        screen.begin("ann")
        screen.tell(came("a"))
        screen.tell(came("b", status=status))
        screen.end(walked(came("a"), came("b"), reader="ann", seconds=0.5))
    assert [line.split("  ")[1:3] for line in out.getvalue().splitlines() if line[0] == " "] == [
        ["a", "ok"],
        ["b", "ok"],
        ["b", "fallback"],
    ]
    assert "Walk 2 of 2 as ann: 2 parts in 500.0 ms\n" in out.getvalue()


def test_hints_come_last_and_what_was_not_selected_before_them():
    out = Out(is_terminal=False)
    screen = Screen(out, no_style(), walks=1)
    screen.conclude(figures(walked(came("a"))), [Hint("share", "a", "Do it.")], ["b needs c"])
    assert out.getvalue().splitlines()[-3:] == ["Not selected: b needs c.", "", "- Do it."]


def test_a_walk_without_parts_says_so_and_has_no_table():
    out = Out(is_terminal=False)
    Screen(out, no_style(), walks=1).conclude(figures(walked(pages=1)), [], [])
    assert out.getvalue() == "0 parts on 1 page, 1.00 s.\n"
