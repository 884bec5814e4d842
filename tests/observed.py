"""
A site whose processes trace and report to Sentry, and tell a test of it in their events.

The event ``span`` has the trace as its ``run``, so that a test finds the spans of a request that it
has sent with a ``traceparent``. The event ``report`` is what Sentry would get.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from secrets import token_hex
from typing import Any

#: Writes an event: ``tell("span", run, **what)``.
Tell = Callable[..., None]


def trace(tell: Tell, *instrumentors: Any) -> None:
    """Trace this process, and the libraries that *instrumentors* know."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

    from tests.tracing import label

    class Telling(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            for span in spans:
                tell(
                    "span",
                    f"{span.context.trace_id:032x}",
                    name=label(span),
                    id=f"{span.context.span_id:016x}",
                    parent=f"{span.parent.span_id:016x}" if span.parent else None,
                    kind=span.kind.name,
                    status=span.status.status_code.name,
                    attributes=dict(span.attributes),
                    links=[f"{link.context.span_id:016x}" for link in span.links],
                    began=span.start_time,
                    ended=span.end_time,
                )
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(Telling()))
    trace.set_tracer_provider(provider)
    for instrumentor in instrumentors:
        instrumentor.instrument()


def report(tell: Tell, *integrations: Any) -> None:
    """Report to Sentry what this process would report, with further *integrations*."""
    import sentry_sdk
    from sentry_sdk.transport import Transport

    class Telling(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            event = envelope.get_event()
            if event is None:
                return
            values = event.get("exception", {}).get("values", [])
            tell(
                "report",
                "sentry",
                level=event["level"],
                logger=event.get("logger"),
                exceptions=[value["type"] for value in values],
                message=(event.get("logentry") or {}).get("formatted"),
                extra={key: str(said) for key, said in event.get("extra", {}).items()},
                url=event.get("request", {}).get("url"),
                crumbs=[
                    crumb["message"]
                    for crumb in event.get("breadcrumbs", {}).get("values", ())
                    if crumb.get("category") == "django_partstream"
                ],
            )

    sentry_sdk.init(
        dsn="https://key@sentry.invalid/1",
        transport=Telling,
        integrations=[*integrations],
        before_send=without_repeats,
    )


def without_repeats(event: Any, hint: Any) -> Any:
    """Leave out an error of GraphQL that a log record has reported: it has the reference of that."""
    _, exc, _ = hint.get("exc_info") or (None, None, None)
    return None if "reference" in (getattr(exc, "extensions", None) or {}) else event


class Sent:
    """A request that a test has sent as part of a trace, and the spans that it brought."""

    def __init__(self) -> None:
        self.trace, self.id = token_hex(16), token_hex(8)

    @property
    def headers(self) -> dict[str, str]:
        return {"traceparent": f"00-{self.trace}-{self.id}-01"}

    def spans(self, events: Any, *, number: int) -> list[dict[str, Any]]:
        """The spans of the trace in the *events* of a process, once there are *number*."""
        found: list[dict[str, Any]] = events.wait_for("span", self.trace, times=number)
        return found

    def tree(self, events: Any, *, number: int) -> dict[str, Any]:
        """The names of the spans below the request, as a tree."""
        return tree_of(self.spans(events, number=number), self.id)


def tree_of(spans: list[dict[str, Any]], parent: str) -> dict[str, Any]:
    """The names of the *spans* below the span *parent*."""
    below = sorted((span for span in spans if span["parent"] == parent), key=lambda s: s["began"])
    return {span["name"]: tree_of(spans, span["id"]) for span in below}
