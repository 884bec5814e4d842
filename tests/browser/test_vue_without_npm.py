"""The composable for Vue from Django's static files, as the README of the client has it, in Chromium."""

import json

import pytest
from django.template import Context, Template

from tests.documentation import ROOT, blocks

README = ROOT / "clients/js/README.md"
if not README.exists():
    pytest.skip("clients/ is not beside these tests", allow_module_level=True)
(PAGE,) = [block for block in blocks(README, "html") if "importmap" in block]


def test_the_page_of_the_readme_shows_each_part_of_the_dashboard(
    page, complaints, expect, npm_file
):
    versions = json.loads((ROOT / "clients/js/package.json").read_text())["devDependencies"]
    vue = npm_file(f"vue@{versions['vue']}", "dist/vue.esm-browser.prod.js")
    html = (
        f"<!doctype html><link rel=icon href=data:,><main></main>{Template(PAGE).render(Context())}"
    )
    page.route(
        "**/shop/vue*.js", lambda route: route.fulfill(body=vue, content_type="text/javascript")
    )
    page.route("**/board/", lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto("/board/")
    expect(page.locator("section")).to_have_count(7)
    assert complaints == []
