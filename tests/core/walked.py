"""Walks that tests make up, of parts with given figures."""

from django_partstream.walking.figures import Figures
from django_partstream.walking.hints import hints_of
from django_partstream.walking.walks import Came, Walked
from django_partstream.walking.watching import Planned, Statement, Watch


def came(name, ms=1.0, /, *, status="ok", value="x", page=1, size=10, pending=None, **timing):
    """The part *name*, which took so many milliseconds; *value* tells it from other values."""
    error = None
    if status not in ("ok", "fallback"):
        error = {"code": f"the_{status}", "message": "No.", "reference": "3f2a"}
    told = {"status": status, **timing} if ms is None else {"ms": ms, "status": status, **timing}
    return Came(name, status, error, told, size, value, at=0.0, page=page, pending=pending)


def walked(*parts, reader=None, seconds=1.0, total=None, **attributes):
    """A walk of these parts, in order."""
    made = Walked(reader, seconds=seconds, totals=[len(parts) if total is None else total])
    made.pages = max((part.page for part in parts), default=0)
    for part in parts:
        made.came[part.name] = part
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


def watched(*statements, plans=(), limits=None):
    """A watch that has noted these statements: each a part, a text, and its parameters."""
    watch = Watch(lambda owner, name, value: None)
    watch.statements = [
        Statement(sql, params, part, is_planning=False) for part, sql, params in statements
    ]
    functions = {}
    for name, limit in (limits or {}).items():
        functions[name] = lambda: None
        functions[name].partstream_limit = limit
    watch.plans = [*plans, *([Planned(0.0, 0, [], functions)] if functions else [])]
    return watch


def figures(*walks, **options):
    return Figures.of(walks, **options)


def told(*walks, **options):
    """The hints on *walks*, by kind."""
    found = {}
    for hint in hints_of(figures(*walks, **options)):
        found.setdefault(hint.kind, []).append(hint.text)
    return found
