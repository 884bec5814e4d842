"""A walk on a screen: the parts as they come, a bar on a terminal, and a table of figures."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from typing import Any

from django_partstream.outcomes import Status
from django_partstream.walking.figures import Figures, PartFigures
from django_partstream.walking.hints import Hint
from django_partstream.walking.walks import Came, Pending, Total, Walked
from django_partstream.walking.words import count_of, listed, printable, size_of, time_of

#: The characters of the bar, without its brackets.
_BAR = 20

#: From this number of walks on, p95 is another figure than the worst.
_ENOUGH = 20

_ERASED = "\r\x1b[K"


class Screen:
    """
    The walks on *out*, the output of a command, in its *style*.

    A terminal has a bar; other outputs have a line when a part is pending.
    """

    def __init__(self, out: Any, style: Any, *, walks: int) -> None:
        self._out, self._style, self._walks = out, style, walks
        self._has_bar = out.isatty() and os.environ.get("TERM") != "dumb"
        self._number = 0
        self._reset()

    def _reset(self) -> None:
        self._came: list[str] = []
        self._pending: dict[str, float | None] = {}
        self._total: int | None = None

    def begin(self, reader: str | None) -> None:
        """A walk begins, as *reader*."""
        self._reset()
        self._number += 1
        self._reader = reader

    def tell(self, event: Came | Pending | Total) -> None:
        """Show what came of the walk."""
        if isinstance(event, Total):
            self._total = event.number
        elif isinstance(event, Came):
            self._came.append(event.name)
            self._pending.pop(event.name, None)
            if self._number == 1 or event.status != Status.OK:
                self._write(self._line(event))
        else:
            if event.name not in self._pending and not self._has_bar:
                self._write(f"  {printable(event.name)}  pending")
            self._pending[event.name] = event.progress
        self._draw()

    def end(self, walked: Walked) -> None:
        """A walk has ended."""
        if self._walks > 1:
            reader = f" as {walked.reader}" if walked.reader else ""
            parts = count_of(len(walked.came), "part")
            self._write(
                f"Walk {self._number} of {self._walks}{reader}: {parts} in "
                f"{time_of(walked.seconds * 1000)}"
            )

    def conclude(self, figures: Figures, hints: Sequence[Hint], not_selected: list[str]) -> None:
        """The table, and what it asks for."""
        if figures.parts:
            self._write("")
            for line in table(figures):
                self._write(line)
            self._write("")
        self._write(summary(figures))
        for each in not_selected:
            self._write(f"Not selected: {each}.")
        if hints:
            self._write("")
        for hint in hints:
            self._write(f"- {printable(hint.text)}")

    def _line(self, came: Came) -> str:
        ms = came.timing.get("ms")
        told = [printable(came.name), self._styled(came.status)]
        if ms is not None:
            told.append(time_of(ms))
        told.append(size_of(came.size))
        if came.pending is not None:
            told.append(f"after {came.pending:.1f} s pending")
        if came.error:
            told.append(printable(f"{came.error['code']}: {came.error['message']}"))
        return f"  {'  '.join(told)}"

    def _styled(self, status: str) -> str:
        if status == Status.OK:
            styled: str = self._style.SUCCESS(status)
        elif status == Status.FALLBACK:
            styled = self._style.WARNING(status)
        else:
            styled = self._style.ERROR(status)
        return styled

    def _write(self, line: str) -> None:
        self.erase()
        self._out.write(self._encodable(line))
        self._out.flush()  # a pipe, such as the log of CI, has the line when it is told

    def _encodable(self, text: str) -> str:
        """*text* without a character that the encoding of the output lacks, as on Windows."""
        encoding = getattr(self._out, "encoding", None) or "utf-8"
        return text.encode(encoding, "backslashreplace").decode(encoding)

    def erase(self) -> None:
        """Take the bar away."""
        if self._has_bar:
            self._out.write(_ERASED, ending="")

    def _draw(self) -> None:
        if not self._has_bar:
            return
        self.erase()
        told = f"{len(self._came)} of {self._total}" if self._total else f"{len(self._came)}"
        if self._total:
            done = min(len(self._came) * _BAR // self._total, _BAR)
            told = f"[{'#' * done}{'.' * (_BAR - done)}] {told}"
        if self._pending:
            told = f"{told}, waiting for {listed([*map(self._waiting, self._pending)])}"
        width = shutil.get_terminal_size().columns - 1  # a second line would not be erased
        self._out.write(self._encodable(printable(told))[:width], ending="")
        self._out.flush()

    def _waiting(self, name: str) -> str:
        progress = self._pending[name]
        return name if progress is None else f"{name} ({progress:.0%})"


def table(figures: Figures) -> list[str]:
    """The figures of each part, in lines."""
    worst = "p95" if len(figures.walks) >= _ENOUGH else "worst"
    heading = ("part", "median", worst, "share", "size", "queries", "cached", "failures")
    rows = [heading, *map(_row, figures.parts)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def _row(part: PartFigures) -> tuple[str, ...]:
    ms, cached = part.ms, part.cached
    return (
        printable(part.name),
        "-" if ms is None else time_of(ms.median),
        "-" if ms is None else time_of(ms.p95),
        "-" if part.share is None else f"{part.share:.0%}",
        size_of(part.size),
        "-" if part.queries is None else str(part.queries),
        "-" if cached is None else f"{cached[0]} of {sum(cached)}",
        str(len(part.failures)),
    )


def summary(figures: Figures) -> str:
    """The walks in a sentence."""
    seconds, first = figures.seconds, figures.walks[0]
    assert seconds is not None  # noqa: S101 - a walk took place
    pages = "in a stream" if figures.is_stream else f"on {count_of(first.pages, 'page')}"
    told = f"{count_of(len(first.came), 'part')} {pages}, {time_of(seconds.median * 1000)}"
    if len(figures.walks) > 1:
        worst = "p95" if len(figures.walks) >= _ENOUGH else "worst"
        told = (
            f"{told} (median of {len(figures.walks)} walks, {worst} {time_of(seconds.p95 * 1000)})"
        )
    waited = max(walked.waited for walked in figures.walks)
    if waited:
        told = f"{told}; up to {waited:.1f} s of a walk waited for pending parts"
    return f"{told}."
