"""Hints about a response: the statements of its parts, its plan, its pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from statistics import median_high

from django_partstream.walking.figures import Figures
from django_partstream.walking.hints.parts import SLOW
from django_partstream.walking.walks import Came
from django_partstream.walking.watching import Statement
from django_partstream.walking.words import count_of, listed, time_of, verb

#: So many sets of parameters of a statement, in a part, look like a query for each row.
ROWS = 10

#: So many times a part, or several, may ask the same before a hint says so.
EQUAL = 3

#: The time of ``get_parts()`` from which on a hint speaks of it, in milliseconds.
PLANNING = 10

#: A part is fast up to this time, in milliseconds.
FAST = 50

#: The characters of a statement that are shown.
_SHOWN = 120


def rows(figures: Figures) -> Iterator[str]:
    """Statements that run with other parameters for each of many rows."""
    most: Counter[tuple[str | None, str]] = Counter()
    for statements in _statements(figures):
        different = {(each.part, each.sql, each.params) for each in statements}
        most |= Counter((part, sql) for part, sql, _ in different)
    for (part, sql), number in most.items():
        if number >= ROWS:
            where = part or "Code outside of the parts, such as fields below them,"
            yield (
                f"{where} runs a statement with {number} sets of parameters: {_shown(sql)} Fetch "
                "all of its rows at once, with select_related() or prefetch_related()."
            )


def equal_statements(figures: Figures) -> Iterator[str]:
    """Statements that parts run again with the same parameters."""
    most: Counter[tuple[str, int]] = Counter()
    parts: dict[tuple[str, int], set[str]] = {}
    for statements in _statements(figures):
        asked = [(each.part, (each.sql, each.params)) for each in statements if each.part]
        for part, question in asked:
            parts.setdefault(question, set()).add(part)
        most |= Counter(question for _, question in asked)
    by_parts: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for (sql, params), number in most.items():
        by_parts |= Counter({(sql, tuple(sorted(parts[sql, params]))): number})
    for (sql, names), number in by_parts.items():
        if number >= EQUAL:
            yield (
                f"{listed([*names])} {verb([*names], 'runs', 'run')} a statement {number} times in "
                f"a walk, with the same parameters: {_shown(sql)} Ask once, and keep the answer."
            )


def planning(figures: Figures) -> Iterator[str]:
    """Work of ``get_parts()``, which each page does."""
    plans = [plan for walked in figures.walks if walked.watch for plan in walked.watch.plans]
    if not plans:
        return
    ms = min(plan.seconds * 1000 for plan in plans)
    queries = median_high(plan.queries for plan in plans)
    immediate = sorted({name for plan in plans for name in plan.immediate})
    # The first call may be slow because it imports modules, so a single call shows nothing.
    is_slow = ms >= PLANNING and len(plans) > 1
    if not is_slow and not (queries and immediate):
        return
    asks = count_of(queries, "query", "queries")
    told = f"get_parts() takes {time_of(ms)} and makes {asks}, on each page"
    if immediate:
        told = (
            f"{told}. {listed(immediate)} {verb(immediate, 'is', 'are')} not lazy: if it computes "
            "them, lazy() leaves that to the page that carries them"
        )
    yield f"{told}."


def waiting_behind(figures: Figures) -> Iterator[str]:
    """Fast parts that come late: a slow part is on their page, or before them in a stream."""
    times = {part.name: part.ms.median for part in figures.parts if part.ms}
    pages: dict[int, list[Came]] = {}
    for came in figures.walks[0].came.values():
        if came.name in times:
            pages.setdefault(came.page, []).append(came)
    for parts in pages.values():
        look = _behind_in_stream if figures.is_stream else _behind_on_page
        yield from look(parts, times)


def _behind_on_page(parts: list[Came], times: dict[str, float]) -> Iterator[str]:
    names = [came.name for came in parts]
    slow = max(names, key=lambda name: times[name])
    if times[slow] < SLOW:
        return
    place = names.index(slow)
    before = [name for name in names[:place] if times[name] <= FAST]
    after = [name for name in names[place:] if times[name] <= FAST]
    told = f"for {slow} ({time_of(times[slow])}), which is on the same page"
    if before:
        waits = verb(before, "waits", "wait")
        yield f"{listed(before)} {waits} {told}: lower chunk_size, or send a stream."
    if after:
        waits = verb(after, "waits", "wait")
        yield (
            f"{listed(after)} {waits} {told}: move {slow} behind, or send a stream with "
            "concurrency = 2 or more."
        )


def _behind_in_stream(parts: list[Came], times: dict[str, float]) -> Iterator[str]:
    waiting: dict[str, list[str]] = {}
    slow = parts[0].name
    for came in parts:
        if times[came.name] > times[slow]:
            slow = came.name
        has_waited = (came.timing.get("waited_ms") or 0) >= SLOW
        if has_waited and times[came.name] <= FAST and times[slow] >= SLOW:
            waiting.setdefault(slow, []).append(came.name)
    for slow, names in waiting.items():
        yield (
            f"{listed(names)} {verb(names, 'waits', 'wait')} for {slow} ({time_of(times[slow])}), "
            f"which comes first in the stream: move {slow} behind, or set concurrency = 2 or more."
        )


def _statements(figures: Figures) -> Iterator[list[Statement]]:
    """The statements of each walk, without those of ``get_parts()``."""
    for walked in figures.walks:
        if walked.watch is not None:
            yield [each for each in walked.watch.statements if not each.is_planning]


def _shown(sql: str) -> str:
    text = " ".join(sql.split())
    return f"{text[:_SHOWN]}…" if len(text) > _SHOWN else f"{text}."


#: The looks at a response, by the kinds of their hints.
LOOKS: dict[str, Callable[[Figures], Iterator[str]]] = {
    "rows": rows,
    "equal_statements": equal_statements,
    "planning": planning,
    "waiting_behind": waiting_behind,
}
