"""Canaries: facts about OpenTelemetry's API on which ``django_partstream/_opentelemetry.py`` relies."""

import pytest

from django_partstream import _opentelemetry

trace = pytest.importorskip("opentelemetry.trace", reason="opentelemetry-api is not installed")
metrics = pytest.importorskip("opentelemetry.metrics", reason="opentelemetry-api is not installed")

RELIES = "is_on() of django_partstream._opentelemetry relied on this before opentelemetry-api 1.45."


def test_no_provider_is_none_until_there_is_one(monkeypatch):
    for module, name in ((trace, "_TRACER_PROVIDER"), (metrics._internal, "_METER_PROVIDER")):
        assert hasattr(module, name), RELIES
        monkeypatch.setattr(module, name, None)
    assert trace.get_tracer_provider() is trace._PROXY_TRACER_PROVIDER, RELIES
    assert metrics.get_meter_provider() is metrics._internal._PROXY_METER_PROVIDER, RELIES
    assert not _opentelemetry.is_on()


def test_a_provider_is_seen_whenever_it_is_set(monkeypatch):
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(metrics._internal, "_METER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", type(trace._TRACER_PROVIDER_SET_ONCE)())
    assert not _opentelemetry.is_on()
    trace.set_tracer_provider(trace.NoOpTracerProvider())
    assert _opentelemetry.is_on(), RELIES


def test_a_provider_of_metrics_is_seen_whenever_it_is_set(monkeypatch):
    once = metrics._internal._METER_PROVIDER_SET_ONCE
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(metrics._internal, "_METER_PROVIDER", None)
    monkeypatch.setattr(metrics._internal, "_METER_PROVIDER_SET_ONCE", type(once)())
    proxy = type(metrics._internal._PROXY_METER_PROVIDER)()  # it keeps the provider that is set
    monkeypatch.setattr(metrics._internal, "_PROXY_METER_PROVIDER", proxy)
    assert not _opentelemetry.is_on()
    metrics.set_meter_provider(metrics.NoOpMeterProvider())
    assert _opentelemetry.is_on(), RELIES


def test_a_release_without_these_facts_costs_time_and_no_page(monkeypatch, deliver):
    monkeypatch.setattr(_opentelemetry, "_are_known", False)
    monkeypatch.delattr(trace, "_TRACER_PROVIDER")
    monkeypatch.setattr(trace, "get_tracer_provider", trace.NoOpTracerProvider)
    assert _opentelemetry.is_on()
    assert deliver(a=1)["a"].value == 1
