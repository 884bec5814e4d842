"""
The adapter for the API of OpenTelemetry, which need not be installed.

======================= ==========================================================================
function                fact
======================= ==========================================================================
:func:`is_on`           ``trace._TRACER_PROVIDER`` and ``metrics._internal._METER_PROVIDER`` are
                        None until the process is given a provider, which may be at any time
======================= ==========================================================================

The public functions for that look into the environment whenever there is no provider, and each part
would pay for it. ``tests/core/test_opentelemetry_adapter.py`` has a test of the fact. Where it is
true no longer, :func:`is_on` returns True, and OpenTelemetry's own no-op classes do nothing.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram, MeterProvider
    from opentelemetry.trace import Tracer, TracerProvider

try:
    from opentelemetry import context, metrics, trace
    from opentelemetry.metrics import _internal
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError:
    is_installed = False
else:
    is_installed = True
    # The environment may name providers, which are loaded when they are first asked for.
    trace.get_tracer_provider()
    metrics.get_meter_provider()
    _are_known = hasattr(trace, "_TRACER_PROVIDER") and hasattr(_internal, "_METER_PROVIDER")

#: The package whose spans and measurements these are.
SCOPE = "django_partstream"

#: The bounds of the buckets of durations, in seconds: those that OpenTelemetry has for requests.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)

#: The most series of a counter that are kept: parts may be named after rows of a table.
MAX_SERIES = 10_000

#: The series of all others, as the specification of the SDK calls it.
_OTHERS = (("otel.metric.overflow", True),)

#: Held for each change of a count.
_counting = threading.Lock()

#: Held while counts are looked up. If two threads made a counter at once, the SDK would export the
#: first, and this module would add to the second.
_making = threading.Lock()


def _forget_locks() -> None:
    """Make locks for a forked child: a thread of its parent may have held the old ones."""
    global _counting, _making
    _counting, _making = threading.Lock(), threading.Lock()


os.register_at_fork(after_in_child=_forget_locks)


def is_on() -> bool:
    """Whether this process has a provider of traces or of metrics."""
    return is_installed and not (
        _are_known and trace._TRACER_PROVIDER is None and _internal._METER_PROVIDER is None
    )


def _is_measured() -> bool:
    return not _are_known or _internal._METER_PROVIDER is not None


class Span:
    """
    A span that begins now. It is the current span of the code that it is entered round.

    It may be entered again in another thread or task. Let a span of a consumer of messages name in
    *sent_by* what :func:`carried` returned to the sender: it is a child of the current span, and
    linked to that of the sender, or else it is a child of that.
    """

    __slots__ = ("_span", "_token")

    def __init__(
        self, name: str, attributes: Mapping[str, Any], *, sent_by: Mapping[str, str] | None = None
    ) -> None:
        tracer = _tracer(trace.get_tracer_provider())
        if sent_by is None:
            self._span = tracer.start_span(name, attributes=attributes)
            return
        sender, links = TraceContextTextMapPropagator().extract(sent_by), []
        parent = sender
        if trace.get_current_span().get_span_context().is_valid:
            parent = context.get_current()
            if (linked := trace.get_current_span(sender).get_span_context()).is_valid:
                links = [trace.Link(linked)]
        self._span = tracer.start_span(name, parent, trace.SpanKind.CONSUMER, attributes, links)

    def __enter__(self) -> Self:
        here = context.get_current()
        if self._span.get_span_context().is_valid:  # else there are metrics alone
            here = trace.set_span_in_context(self._span, here)
        self._token = context.attach(here)
        return self

    def __exit__(self, *_: object) -> None:
        context.detach(self._token)

    def note(self, exc: BaseException, attributes: Mapping[str, Any]) -> None:
        """Record that *exc* was raised."""
        self._span.record_exception(exc, attributes)

    def end(self, attributes: Mapping[str, Any], *, failed: bool) -> None:
        """End the span, which has *failed* or not, with further *attributes*."""
        self._span.set_attributes(attributes)
        if failed:
            self._span.set_status(trace.StatusCode.ERROR)
        self._span.end()

    def end_by_exit(self, exc: BaseException) -> None:
        """End the span with *exc*, for which there is no outcome: it ends a page, or a process."""
        self.end({"error.type": type(exc).__qualname__}, failed=True)


def carried() -> dict[str, str]:
    """The current span as a message carries it (W3C Trace Context); empty without a span."""
    carrier: dict[str, str] = {}
    if is_on():
        TraceContextTextMapPropagator().inject(carrier)
    return carrier


def count(name: str, unit: str, description: str, attributes: Mapping[str, Any]) -> None:
    """Add one to the counter *name*, if there is a provider of metrics."""
    if not _is_measured():
        return
    with _making:
        counts = _counts(metrics.get_meter_provider(), name, unit, description)
    series = tuple(attributes.items())
    with _counting:
        if len(counts) >= MAX_SERIES and series not in counts:
            series = _OTHERS
        counts[series] += 1


def measure(name: str, description: str, seconds: float, attributes: Mapping[str, Any]) -> None:
    """Add *seconds* to the histogram *name*, if there is a provider of metrics."""
    if not _is_measured():
        return
    _histogram(metrics.get_meter_provider(), name, description).record(seconds, attributes)


@lru_cache(maxsize=1)
def _tracer(provider: TracerProvider) -> Tracer:
    return provider.get_tracer(SCOPE, _version())


@lru_cache(maxsize=8)
def _counts(
    provider: MeterProvider, name: str, unit: str, description: str
) -> Counter[tuple[tuple[str, Any], ...]]:
    """
    The counts of the counter *name*, by attributes, which the SDK asks for when it exports.

    To add one to a counter of the SDK costs a part ten times as much.
    """
    counts: Counter[tuple[tuple[str, Any], ...]] = Counter()

    def observed(_: Any) -> list[metrics.Observation]:
        with _counting:
            return [metrics.Observation(number, dict(each)) for each, number in counts.items()]

    meter = provider.get_meter(SCOPE, _version())
    meter.create_observable_counter(name, [observed], unit, description)
    return counts


@lru_cache(maxsize=8)
def _histogram(provider: MeterProvider, name: str, description: str) -> Histogram:
    return provider.get_meter(SCOPE, _version()).create_histogram(
        name, "s", description, explicit_bucket_boundaries_advisory=SECONDS
    )


def _version() -> str:
    version: str = import_module(SCOPE).__version__
    return version
