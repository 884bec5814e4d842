"""Providers of OpenTelemetry's SDK that send what they get nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult


class _Nowhere(SpanExporter):
    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.SUCCESS


class Providers:
    """A provider of traces and a provider of metrics, as in production but for their exporters."""

    def __init__(self) -> None:
        self._traces = TracerProvider()
        self._traces.add_span_processor(BatchSpanProcessor(_Nowhere()))
        self._metrics = MeterProvider([InMemoryMetricReader()])

    @contextmanager
    def set(self) -> Iterator[None]:
        """Have the process use them in the body. In a project that is done once, for good."""
        trace._TRACER_PROVIDER = self._traces
        metrics._internal._METER_PROVIDER = self._metrics
        try:
            yield
        finally:
            trace._TRACER_PROVIDER = metrics._internal._METER_PROVIDER = None
