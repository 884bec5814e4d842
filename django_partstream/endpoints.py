"""
A response, bound to a request: the object through which a front uses the core.

A front binds its view or connection, then takes the steps in order: :meth:`Endpoint.follow` a
cursor, :meth:`Endpoint.take` a page, :meth:`Endpoint.resolve` its parts, :meth:`Endpoint.sign`
where the page ended. The front itself only translates.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from django.utils.functional import cached_property

from django_partstream import _current, cursors
from django_partstream.canonical import canonical, digest
from django_partstream.conf import option, setting
from django_partstream.cursors import Cursor
from django_partstream.delivery import pacing, running
from django_partstream.delivery.attempts import Attempt
from django_partstream.delivery.streams import Stream, always
from django_partstream.exceptions import CursorInvalid
from django_partstream.identity import audience_identity, is_identified, is_personal
from django_partstream.jobs.functions import no_waiting
from django_partstream.ledgers import Ledger
from django_partstream.outcomes import Outcome, Wait
from django_partstream.pages import OwingPage, Page
from django_partstream.parts import Plan, is_inert, is_lazy, plan_of
from django_partstream.tenancy import capture


class Endpoint:
    """
    A view or connection (*owner*), bound to a *request*.

    *address* tells this response from others: its front, its route or field, its arguments.
    *varies_on* gives the further values that a cached part depends on. *reader* is the object
    that has the user, by default the request. *plan* makes the plan, by default from
    ``owner.get_parts()``.

    Options such as ``cursor_ttl`` are class attributes of *owner*, else settings.
    """

    def __init__(
        self,
        owner: Any,
        request: Any,
        *,
        address: Sequence[Any],
        varies_on: Callable[[], Sequence[Any]] = tuple,
        reader: Any = None,
        plan: Callable[[], Plan] | None = None,
    ) -> None:
        self.owner, self.request = owner, request
        self.reader = request if reader is None else reader
        self.sender = type(owner)
        self._address, self._varies_on = address, varies_on
        self._make_plan = plan
        self._varied: tuple[Sequence[Any], str] | None = None
        self._signed: dict[tuple[Any, ...], str] = {}
        #: When each part was first owed that is owed by the page that was taken, or pending on it.
        self._first_owed: dict[str, float] = {}
        #: The page that was taken, if the walk owes parts when it begins.
        self._owing: Page | None = None

    @property
    def name(self) -> str:
        """The dotted path of the view or connection class, for logs and metrics."""
        return f"{self.sender.__module__}.{self.sender.__qualname__}"

    @property
    def variation(self) -> str:
        """
        A digest of what a cached part depends on besides its own arguments and its reader.

        It is made once for all parts of the page, and anew once a part has changed the request.

        Raises:
            TypeError: a value that *varies_on* gives has no stable text.
        """
        given = self._varies_on()
        if self._varied is None or self._varied[0] != given:
            host = _current.host_of(self.request)
            told = canonical([self.sender, host, *self._address, *given])
            self._varied = given, digest(told)
        return self._varied[1]

    @cached_property
    def tenant(self) -> Any:
        """
        The tenant that cursors and cached values of this response are for; None without.

        It is captured once, after authentication and before any part runs.

        Raises:
            ImproperlyConfigured: the setting ``TENANCY`` cannot be used.
        """
        return capture(self.request)

    @property
    def is_identified(self) -> bool:
        """Whether a user, credentials or a tenant tell the reader from others."""
        return is_identified(self.reader) or self.tenant is not None

    @property
    def is_personal(self) -> bool:
        """Whether the response may be for this reader or tenant only: no cache may share it."""
        return is_personal(self.reader) or self.tenant is not None

    @cached_property
    def plan(self) -> Plan:
        """
        The parts of this response.

        Raises:
            PlanError: ``get_parts()`` did not return a list of parts.
        """
        token = no_waiting.set("get_parts()")
        try:
            return plan_of(self.owner) if self._make_plan is None else self._make_plan()
        finally:
            no_waiting.reset(token)

    def option(self, name: str) -> int:
        """
        An option of the owner, else the setting of that name.

        Raises:
            ImproperlyConfigured: the setting does not accept the value.
        """
        return option(self.owner, name)

    def follow(self, token: str, *, authenticate: Callable[[], None] | None = None) -> Cursor:
        """
        Verify *token* and return where it stands.

        *authenticate* is called between the signature and the user: it may decide on the user,
        or refuse the request.

        Raises:
            CursorExpired: it is older than the ``cursor_ttl`` (seconds) it was signed with.
            CursorInvalid: it was altered, or made for another endpoint, reader or tenant.
            TypeError: the reader's credentials have no stable text.
        """
        cursor = cursors.read(token)
        if authenticate is not None:
            authenticate()
        if not cursor.is_for(self._audience()):
            raise CursorInvalid
        return cursor

    def take(
        self, *, after: Cursor | None, size: int | None, only: Iterable[str] | None = None
    ) -> Page:
        """
        Take the next *size* parts behind *after*; all of them where *size* is None.

        Only the parts named by *only* count, if it is given.

        Raises:
            CursorStale: the part that *after* names is no longer in the plan.
            PlanError: ``get_parts()`` did not return a list of parts.
        """
        page = self.plan.page(after=after, size=size, only=only)
        if isinstance(page, OwingPage):
            self._first_owed = {name: debt.since for name, debt in page.debts.items()}
            self._owing = page if page.debts else None
        return page

    def first_owed(self, name: str) -> float:
        """When the walk first owed the part *name*, in seconds since the epoch; now, if never."""
        return self._first_owed.setdefault(name, time.time())

    def sent(self, page: Page, outcomes: Iterable[Outcome]) -> Page:
        """
        The page as it is sent, given the *outcomes* of its parts.

        It lacks the pending parts, which its cursors owe. It ends before the first part at which a
        cursor could not owe them all.
        """
        if not self._first_owed:  # a pending part has a time there
            return page
        pending = {outcome.name for outcome in outcomes if outcome.pending}
        if not pending:
            return page
        return page.without(pending, limit=setting("MAX_CURSOR_LENGTH"))

    def waits(self, page: Page, outcomes: Iterable[Outcome]) -> dict[str, Wait]:
        """
        The waits for the pending parts that *page*, as it is sent, owes; by name.

        If it owes none of them, it ends before the first pending part, and has the wait for that.
        """
        pending = {outcome.name: outcome.pending for outcome in outcomes if outcome.pending}
        owed = {name: wait for name, wait in pending.items() if name in page.debts}
        return owed or dict([*pending.items()][:1])

    def attempts(self, page: Page, *, whole: Callable[[Any], Any]) -> list[Attempt]:
        """An attempt at each part of *page*; *whole* makes its value whole."""
        return [
            self._attempt(name, value, whole)
            for name, value in zip(page.names, page.values, strict=True)
        ]

    def resolve(self, attempts: Sequence[Attempt]) -> list[Outcome] | Awaitable[list[Outcome]]:
        """
        The outcomes of *attempts*, in their order; up to ``concurrency`` of them run together.

        Return an awaitable where an event loop runs in this thread and a part is a coroutine.

        A page on which nothing has ended may be held for a moment (:mod:`.delivery.pacing`).
        """
        _ = self.tenant  # a part may switch to another, for itself
        concurrency = self.option("concurrency")
        if self._owing is None:
            return running.resolve(attempts, concurrency=concurrency)
        return pacing.resolve(
            attempts,
            concurrency=concurrency,
            request=self.request,
            waits=partial(self._standing, self._owing),
        )

    def resolve_now(self, attempts: Sequence[Attempt]) -> list[Outcome]:
        """
        :meth:`resolve` for a front that never runs in the thread of an event loop.

        Raises:
            RuntimeError: it does, and a part is a coroutine.
        """
        outcomes = self.resolve(attempts)
        if not isinstance(outcomes, list):
            raise RuntimeError("Coroutine parts were resolved in the thread of an event loop.")
        return outcomes

    def stream(
        self, attempts: Sequence[Attempt], *, may_begin: Callable[[str], bool] = always
    ) -> Stream:
        """
        The outcomes of *attempts*, each when its part ends. Make it in the view.

        Up to ``concurrency`` plain parts run together. A part begins once *may_begin* is true for
        its name, as ``Stream.add()`` says.

        Raises:
            ImproperlyConfigured: a setting or option cannot be used.
        """
        _ = self.tenant  # a part may switch to another, for itself
        stream = Stream(self.request)
        stream.add(attempts, concurrency=self.option("concurrency"), may_begin=may_begin)
        return stream

    def sign(self, page: Page, index: int = -1, *, query: str = "") -> str:
        """
        The cursor behind the part at *index* of *page*, which carries *query*.

        A place is signed once: a second signature, made later, would be another cursor.

        Raises:
            ImproperlyConfigured: the names in the cursor make it too long.
        """
        cursor = page.cursor(index, query=query)
        place = cursor.after, query, tuple(cursor.owed)
        if place not in self._signed:
            self._signed[place] = cursors.write(
                cursor, audience=self._audience(), ttl=self.option("cursor_ttl")
            )
        return self._signed[place]

    def signer(self, *, query: str = "") -> Callable[[Cursor], str]:
        """
        A function that signs cursors for this endpoint, reader and tenant as they are now.

        The cursors carry *query*. A view makes the function, and a stream calls it later, in any
        thread. It may raise ImproperlyConfigured, as :func:`cursors.write` does.
        """
        audience, ttl = self._audience(), self.option("cursor_ttl")

        def sign(cursor: Cursor) -> str:
            return cursors.write(replace(cursor, query=query), audience=audience, ttl=ttl)

        return sign

    def ledger(self, page: Page, *, query: str = "") -> Ledger:
        """
        The record of a stream of *page*, which was taken with no size; its cursors carry *query*.

        Raises:
            ImproperlyConfigured: the name of a part makes a cursor too long.
        """
        limit = setting("MAX_CURSOR_LENGTH")
        ledger = Ledger(page, limit=limit, first_owed=self.first_owed)
        if ledger.longest is not None:
            self.signer(query=query)(ledger.longest)  # no delivery fails later
        return ledger

    def _standing(self, page: Page, outcomes: Sequence[Outcome]) -> Collection[Wait]:
        """The waits of *page*, if the walk stands where it stood before; none if it has gone on."""
        sent = self.sent(page, outcomes)
        if sent.names or sent.debts.keys() != page.debts.keys():
            return ()
        return self.waits(sent, outcomes).values()

    def _attempt(self, name: str, value: Any, whole: Callable[[Any], Any]) -> Attempt:
        if is_lazy(value):
            call = partial(value.func, self.request, *value.args, **value.kwargs)
            return Attempt(self, name, call, whole=whole, guarded=value.func)
        return Attempt(self, name, lambda: value, whole=whole, immediate=partial(is_inert, value))

    def _audience(self) -> list[Any]:
        """The endpoint, the reader and the tenant that a cursor is for."""
        reader = audience_identity(self.reader, self.owner)
        tenant = [] if self.tenant is None else [["tenant", self.tenant]]
        return [*self._address, reader, *tenant]
