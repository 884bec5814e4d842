from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connections, transaction
from django.test import RequestFactory

from django_partstream.attempts import Scope
from django_partstream.delivery import Task, resolve
from django_partstream.parts import Lazy
from example_schema.models import Customer
from tests import services


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
    """A stand-in for the view or connection that a front passes as sender."""


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


@dataclass(frozen=True)
class Customers:
    """The customers in one database."""

    alias: str

    @property
    def all(self):
        return Customer.objects.using(self.alias)

    @property
    def connection(self):
        """The connection of the calling thread to that database."""
        return connections[self.alias]

    def atomic(self):
        return transaction.atomic(using=self.alias)

    def create(self, name):
        return self.all.create(**self.named(name))

    async def acreate(self, name):
        return await self.all.acreate(**self.named(name))

    def count(self, request=None):
        """The number of customers; a part that needs a sound connection."""
        return self.all.count()

    def names(self):
        return set(self.all.values_list("name", flat=True))

    @staticmethod
    def named(name):
        return {"name": name, "email": f"{name}@example.com", "city": "x"}


@pytest.fixture(params=services.EACH_DATABASE)
def customers(request):
    """The customers of each database in turn; the test asks for ``services.DATABASES``."""
    return Customers(request.param)
