"""The comparison of two contenders: measured in turn, as the ratio of each pair."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median, quantiles
from typing import Any

Contender = Callable[[], Any]


@dataclass(frozen=True)
class Ratio:
    """The ratios of pairs: median, lowest, highest, and the quartiles around the middle half."""

    median: float
    lowest: float
    highest: float
    quartiles: tuple[float, float]
    pairs: int

    @classmethod
    def of(cls, ratios: list[float]) -> Ratio:
        """Summarize *ratios*, at least two."""
        low, _, high = quantiles(ratios, n=4, method="inclusive")
        return cls(median(ratios), min(ratios), max(ratios), (low, high), len(ratios))


def paired(
    subject: Contender,
    base: Contender,
    *,
    seconds: float,
    burst: int = 20,
    least: int = 5,
    clock: Callable[[], float] = time.perf_counter,
) -> Ratio:
    """
    Measure how many times as long *subject* takes as *base*.

    A pair is *burst* calls of each contender; alternated() says how many pairs there are. The
    garbage collector runs between the bursts, never within.
    """

    def timed(contender: Contender) -> float:
        gc.collect()
        gc.disable()
        try:
            started = clock()
            for _ in range(burst):
                contender()
            return clock() - started
        finally:
            gc.enable()

    return alternated(
        partial(timed, subject), partial(timed, base), seconds=seconds, least=least, clock=clock
    )


def alternated(
    subject: Callable[[], float],
    base: Callable[[], float],
    *,
    seconds: float,
    least: int = 5,
    clock: Callable[[], float] = time.perf_counter,
) -> Ratio:
    """
    The ratios of the results of *subject* and *base*, called in turn, after a warm-up.

    The order alternates from pair to pair. Pairs follow each other for *seconds*, and until there
    are *least* of them.
    """
    subject(), base()
    ratios: list[float] = []
    end = clock() + seconds
    while len(ratios) < least or clock() < end:
        if len(ratios) % 2:
            below = base()
            above = subject()
        else:
            above = subject()
            below = base()
        ratios.append(above / below)
    return Ratio.of(ratios)
