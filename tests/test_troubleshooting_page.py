"""The page on troubleshooting has each message of the packages, in the words of the source."""

import re

import pytest

from tests.documentation import ROOT
from tests.sources import messages

PAGE = ROOT / "docs" / "troubleshooting.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

#: Messages that no developer and no client meets: an exception between two functions.
INTERNAL = {
    "A payload could not be encoded.",
    "An integer may have more than 64 bits.",
    "Nothing attempts the parts that were put off.",
    "The parts of a fragment did not end.",
    "nested lists of the schema",  # of "The query has more than … …."
    "nested too deeply",  # as above
}


def quoted():
    """The texts in the first cells of the page's tables, without those of the symptoms."""
    tables = PAGE.read_text().partition("\n## A refused page\n")[2]
    cells = [line.split(" | ")[0] for line in tables.splitlines() if line.startswith("| `")]
    texts = [re.findall(r"``` (.+?) ```|`([^`]+)`", cell) for cell in cells]
    return [long or short for found in texts for long, short in found]


def test_each_text_of_the_page_is_in_the_source():
    assert len(quoted()) > 150
    assert [
        text for text in quoted() if not any(told.startswith(text) for told in messages())
    ] == []


def test_no_text_is_on_the_page_twice():
    assert sorted(quoted()) == sorted(set(quoted()))


@pytest.mark.parametrize("message", sorted({*messages()} - INTERNAL))
def test_each_message_is_on_the_page(message):
    is_there = any(message.startswith(text) for text in quoted())
    assert is_there, f"Add a row to docs/troubleshooting.md: {message}"


def test_an_internal_message_is_one_of_the_source():
    assert set(messages()) >= INTERNAL
