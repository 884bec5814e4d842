"""The pages on errors and statuses have each code, check and status of the code, and no other."""

import re

import pytest
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import Http404
from graphql_jwt.exceptions import JSONWebTokenError

from django_partstream import Status, checks, exceptions
from django_partstream.failures import failure_of
from partstream_graphql.types import NodeStatus
from partstream_rest.errors import _STATUS_CODES
from tests.documentation import ROOT
from tests.sources import check_ids, codes

PAGE = ROOT / "docs" / "reference" / "errors.md"
STATUSES = ROOT / "docs" / "reference" / "statuses.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

#: Codes that the packages make of others, or of a foreign exception.
DERIVED = {"CURSOR_EXPIRED", "CURSOR_STALE", "authentication_failed"}


def rows(page, heading):
    """The rows of the first table below *heading*, each a list of its cells, without its header."""
    section = page.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [re.split(r" \| ", line.strip("| ")) for line in lines]


def named(page, *headings):
    """The names in the first cells below the *headings*."""
    cells = [row[0] for heading in headings for row in rows(page, heading)]
    return [name for cell in cells for name in re.findall(r"`([\w.]+)`", cell)]


def test_the_page_has_each_code_once():
    listed = named(
        PAGE,
        "Codes of parts",
        "Codes of refused requests",
        "Codes of GraphQL",
        "Limits of a query",
    )
    assert sorted(listed) == sorted({*codes(), *DERIVED})


def test_the_page_has_each_check_once_and_so_has_the_package():
    assert sorted(named(PAGE, "Checks")) == check_ids()
    told = re.findall(r"^(partstream\.\w+) ", checks.__doc__, re.MULTILINE)
    assert sorted(told) == [name for name in check_ids() if name != "partstream.E014"]


@pytest.mark.parametrize(
    "exc",
    [
        ValueError("any"),
        exceptions.PartTimeout(1),
        PermissionDenied(),
        Http404(),
        BadRequest(),
        SuspiciousOperation(),
    ],
    ids=lambda exc: type(exc).__name__,
)
def test_a_part_that_raises_has_the_status_and_the_retryable_of_the_row(exc):
    failure = failure_of(exc)
    (row,) = [row for row in rows(PAGE, "Codes of parts") if row[0] == f"`{failure.code}`"]
    assert row[1] == f"`{failure.status}`"
    assert row[2].startswith(str(failure.retryable).lower())


def test_a_refused_token_has_the_status_and_the_retryable_of_the_row():
    failure = failure_of(JSONWebTokenError())
    (row,) = [row for row in rows(PAGE, "Codes of parts") if row[0] == f"`{failure.code}`"]
    assert row[1:3] == [f"`{failure.status}`", str(failure.retryable).lower()]


def test_a_refused_request_has_the_http_status_of_the_row():
    listed = {row[0].strip("`"): int(row[1]) for row in rows(PAGE, "Codes of refused requests")}
    assert listed == _STATUS_CODES


def test_the_page_has_each_status_of_a_part():
    told = [row[0].strip("`") for row in rows(STATUSES, "Part statuses")]
    assert told == [*Status, "PLANNED"]


def test_the_statuses_of_a_node_are_those_of_the_page():
    told = [row[0].strip("`") for row in rows(STATUSES, "Part statuses")]
    assert [status.name for status in NodeStatus] == [
        name.upper() for name in told if name != Status.PENDING
    ]
