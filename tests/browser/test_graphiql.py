import json
import re

import pytest

EXECUTE = "Execute query (Ctrl-Enter)"


@pytest.fixture
def graphiql(page, cdn, expect):
    page.goto("/graphql/")
    expect(page.get_by_role("button", name=EXECUTE)).to_be_enabled()
    return page


def execute(page):
    """Run the query; return the names of the parts in the answer."""

    def answers_it(response):
        return "query Dashboard" in (response.request.post_data or "")

    with page.expect_response(answers_it) as answer:
        page.get_by_role("button", name=EXECUTE).click()
    edges = answer.value.json()["data"]["dashboard"]["edges"]
    return [edge["node"]["name"] for edge in edges]


def replace_text(page, editor, text):
    editor.locator(".CodeMirror:visible").click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(text)


def test_the_query_that_is_there_leads_from_page_to_page(graphiql, expect, complaints):
    query = graphiql.get_by_role("region", name="Query Editor")
    variables = graphiql.get_by_role("region", name="Variables")
    result = graphiql.get_by_role("region", name="Result Window")
    expect(query).to_contain_text("# The shop's dashboard, two parts at a time.")
    expect(variables).to_contain_text('"first": 2')

    assert execute(graphiql) == ["overview", "todayStats"]
    expect(result).to_contain_text('"storeName": "Corner Shop"')

    cursor = re.search(r'"endCursor":\s*"([\w.-]+)"', result.inner_text())[1]
    replace_text(graphiql, variables, json.dumps({"first": 2, "after": cursor}))

    assert execute(graphiql) == ["recentOrders", "inventoryAlerts"]
    expect(result).to_contain_text('"name": "recentOrders"')
    expect(result).not_to_contain_text("Corner Shop")
    assert complaints == []


def test_the_documentation_describes_the_parts(graphiql, expect):
    graphiql.get_by_role("button", name="Show Documentation Explorer").click()
    documentation = graphiql.get_by_role("region", name="Documentation Explorer")
    documentation.get_by_role("link", name="Query", exact=True).click()
    expect(documentation).to_contain_text("The dashboard, a few parts at a time")

    documentation.get_by_role("link", name="DashboardConnection").click()
    expect(documentation).to_contain_text("The newest orders.")
    documentation.get_by_role("link", name="SalesAnalytics", exact=True).click()
    expect(documentation).to_contain_text("Orders per visitor, from 0 to 1.")
