"""Walks of a target, by the walker of the front that it belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from django_partstream.management.screens import Screen
from django_partstream.walking.clients import Client, ProjectClient, RemoteClient
from django_partstream.walking.walks import NotWalkable, Walked, Walker, follow
from django_partstream.walking.watching import Watch

#: A root field of GraphQL, as the command names it.
_FIELD = re.compile(r"[A-Za-z_]\w*\.[A-Za-z_]\w*")

_REMOTE = re.compile(r"https?://", re.IGNORECASE)


class Target:
    """
    The response to walk: *name* is a path, a URL or ``Query.field``.

    Raises:
        NotWalkable: it is none of them, its front is not installed, or an option does not suit it.
    """

    def __init__(
        self,
        name: str,
        *,
        is_stream: bool,
        headers: Mapping[str, str],
        arguments: Mapping[str, str],
        schema: str | None,
    ) -> None:
        self._headers = headers
        self.is_remote = bool(_REMOTE.match(name))
        if self.is_remote:
            _check_address(name)
        if self.is_remote or "/" in name:
            name = name.partition("#")[0]  # the place on a page of a browser
            if arguments or schema:
                raise NotWalkable("--arg and --schema are for Query.field, not for a URL.")
            walking = _front("rest", "Django REST framework", "rest_framework")
            path = name if self.is_remote or name.startswith("/") else f"/{name}"
            self.walker: Walker = walking.RestWalker(path, is_stream=is_stream)
        elif _FIELD.fullmatch(name):
            if is_stream:
                raise NotWalkable("--stream is for a URL. GraphQL is walked by pages.")
            walking = _front("graphql", "Graphene-Django", "graphene", "graphene_django", "graphql")
            self.walker = walking.ConnectionWalker(name, schema=schema, given=arguments)
        else:
            raise NotWalkable(
                f"{name!r} is no URL and no Query.field. Name a path, such as /api/dashboard/, or "
                "a root field of GraphQL, such as Query.dashboard."
            )

    def client(self, user: Any) -> Client:
        """A client that walks as *user*."""
        if self.is_remote:
            return RemoteClient(self._headers)
        walker = self.walker
        return ProjectClient(user, self._headers, sign_in=walker.sign_in, views=walker.views)


def _check_address(address: str) -> None:
    """
    Check that *address* has a server.

    Raises:
        NotWalkable: it has none, or names a user, whom nothing would send.
    """
    try:
        split = urlsplit(address)
        _ = split.port
        is_sound = bool(split.hostname and split.hostname.encode("idna"))
    except ValueError:
        is_sound = False
    if not is_sound:
        raise NotWalkable(
            f"{address!r} names no server. Write https://HOST/PATH or https://HOST:PORT/PATH."
        )
    if "@" in split.netloc:
        raise NotWalkable(
            "A URL with a user is not walked. Name the user by --header 'Authorization: Basic …'."
        )


def walks_of(
    target: Target, users: Mapping[str, Any], times: int, screen: Screen | None
) -> Iterator[Walked]:
    """
    Walk *target* so many *times* as each of *users*, by their names; without any as no user.

    Each walk begins when it is asked for.

    Raises:
        NotWalkable: there are no parts, or a server elsewhere is asked for users.
    """
    if target.is_remote and users:
        raise NotWalkable(
            "--user is for a path of this project. A server knows its users by a --header, such "
            "as 'Authorization: Bearer …' or 'Cookie: sessionid=…'."
        )
    readers: list[tuple[str | None, Any]] = [*users.items()] or [(None, None)]
    for _ in range(times):
        for name, user in readers:
            yield _walked(target, name, user, screen)


def _walked(target: Target, name: str | None, user: Any, screen: Screen | None) -> Walked:
    if screen:
        screen.begin(name)
    tell = screen.tell if screen else _hear_nothing
    watching = nullcontext() if target.is_remote else Watch(target.walker.function_of)
    try:
        with watching as watch:
            walked = follow(target.walker, target.client(user), name, watch, tell)
    finally:
        if screen:
            screen.erase()
    if screen:
        screen.end(walked)
    return walked


def _hear_nothing(event: Any) -> None:
    """Show nothing of a walk."""


def _front(name: str, title: str, *packages: str) -> Any:
    """
    The module with the walker of a front.

    Raises:
        NotWalkable: its packages are not installed.
    """
    # By name, for the core imports no front.
    try:
        return import_module(f"partstream_{name}.walking")
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] not in packages:
            raise
        raise NotWalkable(f"This needs {title}: pip install 'django-partstream[{name}]'.") from None
