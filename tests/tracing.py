"""Spans and measurements that a test makes, kept in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

#: The attributes that each part has, and those of its cost.
NAMES = ("partstream.endpoint", "partstream.part.name")
COSTS = tuple(
    f"partstream.part.{cost}"
    for cost in ("cached", "queries", "sql_seconds", "ran", "waited_seconds")
)


class Traces:
    """What providers of traces and metrics have got."""

    def __init__(self) -> None:
        self._exporter, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracer_provider = TracerProvider(shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meter_provider = MeterProvider([self._reader], shutdown_on_exit=False)
        self._tracer = self.tracer_provider.get_tracer("tests")

    @contextmanager
    def span(self, name: str) -> Iterator[Any]:
        """Make a span of the name, such as that of a request or a statement."""
        with self._tracer.start_as_current_span(name) as span:
            yield span

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans that have ended, in the order in which they ended."""
        return list(self._exporter.get_finished_spans())

    def part(self, name: str) -> ReadableSpan:
        """The only span of the part *name*."""
        (span,) = self.parts(name)
        return span

    def parts(self, name: str | None = None) -> list[ReadableSpan]:
        """The spans of parts, or of the part *name*."""
        parts = [span for span in self.spans if span.name == "partstream.part"]
        return [part for part in parts if name in (None, part.attributes["partstream.part.name"])]

    def told(self, name: str) -> dict[str, Any]:
        """The attributes of the outcome on the only span of the part *name*."""
        attributes = self.part(name).attributes
        return {key: said for key, said in attributes.items() if key not in {*NAMES, *COSTS}}

    def tree(self) -> dict[str, Any]:
        """The spans as a tree of names. The name of a part or job stands for its span."""
        return self._below(None)

    def _below(self, parent: int | None) -> dict[str, Any]:
        return {
            label(span): self._below(span.context.span_id)
            for span in sorted(self.spans, key=lambda span: span.start_time)
            if (span.parent.span_id if span.parent else None) == parent
        }

    def points(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        """The points of the metric *name*: attributes, and the number of measurements."""
        data = self._reader.get_metrics_data()
        return [
            (dict(point.attributes), getattr(point, "count", None) or point.value)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


def label(span: ReadableSpan) -> str:
    """The name of the part or the function of *span*, else its own."""
    attributes = span.attributes or {}
    named = ("partstream.part.name", "partstream.job.function")
    return next((str(attributes[key]) for key in named if key in attributes), span.name)


@contextmanager
def tracing(monkeypatch: Any) -> Iterator[Traces]:
    """
    Have this process trace and measure for the body.

    A process is given its providers once. So this sets them as OpenTelemetry's own tests do.
    """
    traces = Traces()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", traces.tracer_provider)
    monkeypatch.setattr(metrics._internal, "_METER_PROVIDER", traces.meter_provider)
    yield traces
    traces.tracer_provider.shutdown()
    traces.meter_provider.shutdown()
