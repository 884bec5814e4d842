import argparse
from collections.abc import Sequence
from datetime import date
from shutil import get_terminal_size
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.db.models import Model
from django.utils import timezone
from tqdm import tqdm

from example_schema import seeding
from example_schema.history import make_history

BATCH_SIZE = 1000


class Command(BaseCommand):
    help = "Fill the example shop with two years of made-up trade, up to today."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--customers", type=count, default=5_000, metavar="N")
        parser.add_argument("--products", type=count, default=1_000, metavar="N")
        parser.add_argument("--orders", type=count, default=20_000, metavar="N")
        parser.add_argument(
            "--seed", type=int, default=1, metavar="N", help="another number gives another shop"
        )
        parser.add_argument(
            "--today",
            type=iso_date,
            metavar="YYYY-MM-DD",
            help="the last day of trade, if not today",
        )
        parser.add_argument("--fresh", action="store_true", help="wipe the shop first")

    def handle(self, *args: Any, **options: Any) -> None:
        self.verbosity: int = options["verbosity"]
        now = timezone.now()
        today = timezone.localdate(now)
        last = options["today"] or today
        if last > today:
            raise CommandError(f"--today {last} is in the future.")
        if not seeding.has_tables():
            raise CommandError("The database has no tables yet: run python manage.py migrate.")

        # In a transaction no reader sees half a shop, and an interrupted run leaves no rows.
        with transaction.atomic():
            if options["fresh"]:
                seeding.wipe()
            is_new = self.end_on(last, options)
            if is_new and last == today:
                seeding.fit_last_day(today, now)
            if seeding.ensure_demo_user():
                self.say(
                    f"Created the staff user {seeding.DEMO_USERNAME!r} with the password "
                    f"{seeding.DEMO_PASSWORD!r}, for this demo only."
                )

    def end_on(self, day: date, options: dict[str, Any]) -> bool:
        """Seed or move the shop so that it ends on *day*; return False if it does already."""
        last = seeding.last_day()
        if last is None:
            if not seeding.is_empty():
                raise CommandError("The shop has rows that are not from seed; --fresh wipes them.")
            self.fill(day, options)
        elif last < day:
            seeding.move(day - last)
            self.say(f"Reused the shop seeded up to {last}: moved it to {day}.")
        elif last > day:
            raise CommandError(f"The shop is seeded up to {last}; --fresh starts it anew.")
        else:
            self.say(f"Reused the shop: it is seeded up to {day} already; --fresh starts it anew.")
        return last != day

    def fill(self, day: date, options: dict[str, Any]) -> None:
        self.say(f"Making up two years of trade, up to {day} ...")
        history = make_history(
            seed=options["seed"],
            last=day,
            customers=options["customers"],
            products=options["products"],
            orders=options["orders"],
        )
        for rows in history.tables():
            self.save(rows)

    def save(self, rows: Sequence[Model]) -> None:
        """Insert *rows* of a table; show a progress bar on a terminal, else a line."""
        if not rows:
            return
        model = type(rows[0])
        name = str(model._meta.verbose_name_plural)
        is_terminal = self.stdout.isatty() and self.verbosity > 0
        columns, lines = get_terminal_size()  # never 0, unlike tqdm's own guess
        with tqdm(
            total=len(rows),
            desc=f"{name:>12}",
            ncols=columns,
            nrows=lines,
            disable=not is_terminal,
        ) as bar:
            for start in range(0, len(rows), BATCH_SIZE):
                batch = rows[start : start + BATCH_SIZE]
                model._default_manager.bulk_create(batch)
                bar.update(len(batch))
        if not is_terminal:
            self.say(f"  {len(rows):,} {name}")

    def say(self, message: str) -> None:
        if self.verbosity > 0:
            self.stdout.write(message)
            self.stdout.flush()


def count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def iso_date(text: str) -> date:
    return date.fromisoformat(text)
