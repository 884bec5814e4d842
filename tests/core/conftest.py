from functools import partial
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory

from django_partstream.attempts import Scope
from django_partstream.delivery import Task, resolve
from django_partstream.parts import Lazy


@pytest.fixture
def request_of():
    """Make a request: ``request_of("/?a=1", user=...)``."""

    def made(url="/", user=None):
        request = RequestFactory().get(url)
        request.user = user or AnonymousUser()
        request.session = SimpleNamespace(session_key=None)
        return request

    return made


class Endpoint:
    """What stands where a view or a connection would."""


@pytest.fixture
def deliver(request_of):
    """Resolve parts as a front would: ``deliver(name=lazy(f), ...)`` gives outcomes by name."""

    def delivered(*, whole=lambda value: value, concurrency=1, request=None, **parts):
        request = request or request_of()
        tasks = [
            Task(
                name=name,
                call=partial(value, request)
                if isinstance(value, Lazy)
                else lambda value=value: value,
                guarded=getattr(value, "func", None),
                whole=whole,
                immediate=not isinstance(value, Lazy),
            )
            for name, value in parts.items()
        ]
        scope = Scope(request=request, sender=Endpoint, vary=list, reader=request)
        outcomes = resolve(tasks, scope, concurrency=concurrency)
        return {outcome.name: outcome for outcome in outcomes}

    return delivered
