"""The order of base classes: a mixin that a class names too late is refused."""

from __future__ import annotations

from collections.abc import Collection


def refuse_late_mixin(cls: type, base: type, deciding: Collection[str]) -> None:
    """
    Refuse a class that names *base* before a mixin whose attributes would lose to it.

    Every attribute that is data counts. Of the methods the *deciding* ones count: they decide
    on the response and on access to it, so an ignored one would be a security hole.

    Raises:
        TypeError: the message names the mixin and the attribute that would be ignored.
    """
    order, known = cls.__mro__, set(base.__mro__)
    for place, late in enumerate(order):
        winners = [earlier for earlier in order[:place] if earlier in known]
        if late in known or not winners:
            continue
        for name, value in vars(late).items():
            counts = name in deciding or not hasattr(value, "__get__")  # it is data
            if counts and name[0] != "_" and any(name in vars(winner) for winner in winners):
                raise TypeError(
                    f"{cls.__qualname__}: {late.__qualname__}.{name} would be ignored. Name "
                    f"the mixin first: class {cls.__name__}({late.__name__}, {base.__name__})."
                )
