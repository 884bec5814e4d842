"""A row of the table."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.measure import Ratio


@dataclass(frozen=True)
class Row:
    """
    A row: its *ratio*, or a *note* that says why there is none; *target* is a limit, or None.

    With *unit* its ratios are figures in that unit. With *best* the lowest counts, not the median.
    """

    what: str
    ratio: Ratio | None
    target: float | None = None
    at_least: bool = False
    note: str = ""
    unit: str = ""
    best: bool = False

    @property
    def figure(self) -> float | None:
        """The figure that counts, or None."""
        if self.ratio is None:
            return None
        return self.ratio.lowest if self.best else self.ratio.median

    @property
    def verdict(self) -> str:
        """``ok``, ``MISSED``, or an empty string without a target."""
        if self.figure is None or self.target is None:
            return ""
        met = self.figure >= self.target if self.at_least else self.figure <= self.target
        return "ok" if met else "MISSED"
