"""``manage.py partstream``: walk a response, or drop what is kept of its parts."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.management.color import no_style

from django_partstream.management.clearing import (
    NotDropped,
    Refused,
    clear_function,
    clear_user,
    known_names,
)
from django_partstream.management.documents import document
from django_partstream.management.screens import Screen
from django_partstream.management.targets import Target, walks_of
from django_partstream.management.users import NoSuchUser, active_user_called, user_called
from django_partstream.walking.figures import Figures
from django_partstream.walking.hints import hints_of
from django_partstream.walking.walks import NotWalkable, Walked, Walker
from django_partstream.walking.words import printable

#: The exit code for a mistake in the arguments, as that of argparse.
USAGE = 2


class Command(BaseCommand):
    """The command, with an action for each word behind it."""

    help = "Walk a response and tell what its parts cost, or drop the kept values of its parts."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the actions."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="walk|clear")
        self._add_walk(actions)
        self._add_clear(actions)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the action that was named."""
        if os.environ.get("NO_COLOR") and not options["force_color"]:  # https://no-color.org
            self.style, self.stderr.style_func = no_style(), None
        try:
            getattr(self, options["action"])(**options)
        except BrokenPipeError:
            # The reader has left, as head does. Python would fail again when it flushes at exit:
            # https://docs.python.org/3/library/signal.html#note-on-sigpipe
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(1) from None

    def _add_action(self, actions: Any, name: str, summary: str) -> CommandParser:
        """A parser for the action *name*, which takes the options of every command behind it."""
        parser: CommandParser = actions.add_parser(name, help=summary, description=summary)
        # Django's own parser has the defaults. Without SUPPRESS, these would replace them.
        hidden: dict[str, Any] = {"default": argparse.SUPPRESS, "help": argparse.SUPPRESS}
        parser.add_argument("-v", "--verbosity", type=int, choices=[0, 1, 2, 3], **hidden)
        for flag in ("--settings", "--pythonpath"):
            parser.add_argument(flag, **hidden)
        for flag in ("--traceback", "--no-color", "--force-color"):
            parser.add_argument(flag, action="store_true", **hidden)
        return parser

    def _add_walk(self, actions: Any) -> None:
        parser = self._add_action(
            actions,
            "walk",
            "Walk a response to its end and tell what each part costs. The exit code is 0 if all "
            "parts ended ok or fallback; 1 if a part failed, was denied, was lost or came twice; 2 "
            "if there is nothing to walk; 130 if it was stopped.",
        )
        parser.add_argument(
            "target",
            metavar="URL|Query.field",
            help="a path of this project, a URL of a server, or a GraphQL connection",
        )
        add = parser.add_argument
        add(
            "--user",
            action="append",
            default=[],
            help="a user name or primary key: walk as this user; may be given again, to compare",
        )
        add("--stream", action="store_true", help="walk a URL as a stream")
        add("--times", type=_count, default=1, metavar="N", help="walk so many times")
        add(
            "--header",
            action="append",
            default=[],
            type=_header,
            metavar="'NAME: VALUE'",
            help="a header of each request, such as Authorization or Host",
        )
        add(
            "--arg",
            action="append",
            default=[],
            type=_argument,
            metavar="NAME=VALUE",
            help="an argument of the GraphQL field; PART.NAME=VALUE for that of a part",
        )
        add(
            "--schema",
            help='the dotted path of the GraphQL schema; default: GRAPHENE["SCHEMA"], or that of '
            "the view in the URLs",
        )
        add("--format", choices=["text", "json"], default="text", help="default: %(default)s")

    def walk(self, *, target: str, user: list[str], times: int, **options: Any) -> None:
        """Walk, show the figures, and fail if a part did."""
        is_json = options["format"] == "json"
        number = times * max(len({*user}), 1)
        style = self.style if self.stdout.isatty() or options["force_color"] else no_style()
        screen = None if is_json else Screen(self.stdout, style, walks=number)
        walks: list[Walked] = []
        is_stopped = False
        try:
            aim = Target(
                target,
                is_stream=options["stream"],
                headers=dict(options["header"]),
                arguments=dict(options["arg"]),
                schema=options["schema"],
            )
            users = {name: active_user_called(name) for name in user}
            for walked in walks_of(aim, users, times, screen):
                walks.append(walked)  # those before an interrupt are kept
        except (NotWalkable, NoSuchUser) as exc:
            raise CommandError(printable(str(exc)), returncode=USAGE) from exc
        except KeyboardInterrupt:
            is_stopped = True
        figures = Figures.of(walks, is_stream=options["stream"])
        if walks:
            self._conclude(aim.walker, figures, screen)
        if is_stopped:
            told = f"Stopped in walk {len(walks) + 1} of {number}."
            raise CommandError(told, returncode=130)
        if problems := figures.problems():
            raise CommandError(printable(" ".join(problems)))

    def _conclude(self, walker: Walker, figures: Figures, screen: Screen | None) -> None:
        """Show *figures*, or write their document."""
        hints = hints_of(figures)
        if screen is None:
            told = document(walker.title, figures, hints, walker.not_selected)
            self.stdout.write(json.dumps(told, indent=2))  # in ASCII, which every output can take
            self.stdout.flush()
        else:
            screen.conclude(figures, hints, walker.not_selected)

    def _add_clear(self, actions: Any) -> None:
        parser = self._add_action(
            actions,
            "clear",
            "Drop the values that cached_for() and background() keep, of a function or a user. "
            "Values that are being computed will not be kept either.",
        )
        parser.add_argument(
            "function",
            nargs="?",
            help="the dotted path of a function, shop.parts.DashboardParts.get_sales, "
            "or key:NAME of its key=",
        )
        parser.add_argument(
            "--user", help="a user name or primary key: drop the values of that user"
        )

    def clear(self, *, function: str | None, user: str | None, **_: Any) -> None:
        """Drop kept values, and say which."""
        if function is None and user is None:
            known = ", ".join(known_names()) or "none"
            raise CommandError(
                f"Name a function, or --user. Functions that are known here: {known}.",
                returncode=USAGE,
            )
        try:
            reader = None if user is None else user_called(user)
            left: list[str] = []
            if function is not None:
                dropped = clear_function(function, reader)
            else:
                dropped, left = clear_user(reader)
        except (Refused, NoSuchUser) as exc:
            raise CommandError(str(exc), returncode=USAGE) from exc
        except NotDropped as exc:
            raise CommandError(str(exc)) from exc
        whose = "all values" if reader is None else f"the values of {user}"
        for kept in dropped:
            self.stdout.write(f"Dropped {whose}: {kept.name}, in the cache {kept.alias!r}.")
        for reason in left:
            self.stdout.write(f"Left: {reason}")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of walks, 1 or more")
    return int(text)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is no header. Write 'Name: value'")
    if not text.isascii() or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text!r} has a character that no header may have")
    return name.strip(), value.strip()


def _argument(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is no argument. Write name=value")
    return name, value
