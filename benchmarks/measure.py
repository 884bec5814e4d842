"""The comparison of two contenders: timed in turn, in bursts, as the ratio of each pair."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
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

    A pair is *burst* calls of each contender. The order alternates from pair to pair. The garbage
    collector runs between pairs, never within. Pairs follow each other for *seconds*, and until
    there are *least* of them.
    """
    for contender in (subject, base):
        _time(contender, burst, clock)
    ratios: list[float] = []
    end = clock() + seconds
    while len(ratios) < least or clock() < end:
        gc.collect()
        gc.disable()
        try:
            if len(ratios) % 2:
                below = _time(base, burst, clock)
                above = _time(subject, burst, clock)
            else:
                above = _time(subject, burst, clock)
                below = _time(base, burst, clock)
        finally:
            gc.enable()
        ratios.append(above / below)
    return Ratio.of(ratios)


def _time(contender: Contender, burst: int, clock: Callable[[], float]) -> float:
    started = clock()
    for _ in range(burst):
        contender()
    return clock() - started
