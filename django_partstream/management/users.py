"""The user that a management command acts for."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured, ValidationError


class NoSuchUser(Exception):
    """The text says which user is missing, or cannot sign in."""


def user_called(name: str) -> Any:
    """
    The user with the user name *name*, else with this primary key.

    Raises:
        NoSuchUser: there is none, or the project has no users.
    """
    if not apps.is_installed("django.contrib.auth"):
        raise NoSuchUser("This project has no users: django.contrib.auth is not installed.")
    try:
        model: Any = get_user_model()
    except ImproperlyConfigured as exc:
        raise NoSuchUser(str(exc)) from exc
    users = model._default_manager
    found = _user_with(users, model.USERNAME_FIELD, name) or _user_with(users, "pk", name)
    if found is None:
        raise NoSuchUser(f"No user has the {model.USERNAME_FIELD} or primary key {name!r}.")
    return found


def active_user_called(name: str) -> Any:
    """
    The user called *name*, who can sign in.

    Raises:
        NoSuchUser: there is none, or the user is not active.
    """
    user = user_called(name)
    if not getattr(user, "is_active", True):  # as Django's backends ask
        raise NoSuchUser(f"The user {name!r} is not active, and cannot sign in.")
    return user


def _user_with(users: Any, field: str, value: str) -> Any:
    try:
        return users.filter(**{field: value}).first()
    except (TypeError, ValueError, ValidationError):  # no value of this field, such as a number
        return None
