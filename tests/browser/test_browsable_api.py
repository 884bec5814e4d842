import re

from tests.shop import PARTS


def test_the_next_link_of_the_browsable_api_leads_through_all_parts(page, expect):
    page.goto("/api/dashboard/")
    answer = page.locator(".response-info")
    following = page.locator(".pager .next").first
    for last in range(1, len(PARTS) + 1, 2):
        for name in PARTS:
            shown = PARTS.index(name) in (last - 1, last)
            found = expect(answer)
            (found.to_contain_text if shown else found.not_to_contain_text)(f'"{name}"')
        if last < len(PARTS) - 1:
            following.get_by_role("link").click()

    expect(following).to_have_class(re.compile("disabled"))
    expect(answer).to_contain_text('"has_more": false')

    page.locator(".pager .previous a").first.click()
    expect(answer).to_contain_text('"overview"')


def test_the_openapi_description_opens_in_a_browser(page, expect, foreign, complaints):
    page.goto("/")
    page.get_by_role("link", name="OpenAPI").click()
    answer = page.locator(".response-info")
    expect(answer).to_contain_text("openapi: 3.")
    expect(answer).to_contain_text("/api/dashboard/:")
    assert (foreign, complaints) == ([], [])


def test_the_openapi_description_in_json_opens_in_a_browser(page, expect):
    page.goto("/api/schema/?format=json")
    expect(page.locator("pre")).to_contain_text('"/api/dashboard/": {')
