"""The page on the timeline: its lines work as they are written, and its samples are what is shown."""

import json
import re
import subprocess
from urllib.request import urlopen

import pytest
from django.template import engines
from django.test import RequestFactory

from tests import tools
from tests.documentation import ROOT, blocks

PAGE = ROOT / "docs" / "timeline.md"
CLIENT = ROOT / "clients/js"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

(LINE,) = blocks(PAGE, "html")
(SETTINGS,) = blocks(PAGE, "python")
(SAMPLE,) = blocks(PAGE, "text")


@pytest.fixture
def render(settings):
    """The line of the page in a template, with the settings of the page."""
    options = {"context_processors": ["django.template.context_processors.request"]}
    before = {**settings.TEMPLATES[0], "OPTIONS": options}
    made = {"TEMPLATES": [before]}
    exec(SETTINGS, made)
    settings.DEBUG = True
    settings.INTERNAL_IPS, settings.TEMPLATES = made["INTERNAL_IPS"], made["TEMPLATES"]

    def rendered(address="127.0.0.1"):
        request = RequestFactory().get("/", REMOTE_ADDR=address)
        return engines["django"].from_string(LINE).render({}, request).strip()

    return rendered


def test_the_line_of_the_page_loads_the_timeline(render, live_server):
    (address,) = re.findall(r'^<script type="module" src="([^"]+)"></script>$', render())
    with urlopen(live_server.url + address) as response:
        assert response.read() == (CLIENT / "timeline.js").read_bytes()


def test_the_line_of_the_page_does_nothing_for_others_or_without_debug(render, settings):
    assert render("192.0.2.1") == ""
    settings.DEBUG = False
    assert render() == ""


def test_the_line_for_bundlers_is_the_line_of_the_npm_package():
    (ours,) = blocks(PAGE, "js")
    assert ours.partition("\n")[2] in {
        code.partition("\n")[2] for code in blocks(CLIENT / "README.md", "js")
    }


def test_the_sample_of_the_page_is_what_the_timeline_says():
    node = tools.program("node")
    timing = {"ms": 75.2, "queries": 3, "sql_ms": 8.1, "cached": True, "waited_ms": 0.4}
    part = {"asked": 7, "shown": 547, "status": "ok", "by": "page", "number": 2, **timing}
    script = (
        f'import {{ wordsOf }} from "{(CLIENT / "timeline/words.js").as_uri()}";'
        f'console.log(`orders: ${{wordsOf({json.dumps(part)}, {{ asked: 7, over: "REST" }})}}`);'
    )
    told = subprocess.run(
        [node, "--input-type=module", "--eval", script], capture_output=True, text=True, check=True
    )
    assert told.stdout == SAMPLE


def test_the_keys_and_limits_of_the_page_are_those_of_the_timeline():
    text, walks = PAGE.read_text(), (CLIENT / "timeline/walks.js").read_text()
    (keys,) = re.findall(r'KEYS = "(.*?)"', (CLIENT / "timeline/panel.js").read_text())
    assert f"**{keys}** opens" in text
    limits = dict(re.findall(r"^const (\w+) = (\d+);", walks, re.MULTILINE))
    assert f"**The last {limits['WALKS']} walks** are kept" in text
    assert f"the last {limits['PARTS']} parts" in text
