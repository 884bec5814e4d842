"""A row of the table."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.measure import Ratio


@dataclass(frozen=True)
class Row:
    """A row: its *ratio*, or a *note* that says why there is none; *target* is a limit, or None."""

    what: str
    ratio: Ratio | None
    target: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def verdict(self) -> str:
        """``ok``, ``MISSED``, or an empty string without a target."""
        if self.ratio is None or self.target is None:
            return ""
        met = (
            self.ratio.median >= self.target if self.at_least else self.ratio.median <= self.target
        )
        return "ok" if met else "MISSED"
