import json
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from graphene_django.views import GraphQLView

from django_partstream.testing import expired, part_fails
from tests.graphql.multipart import Merged, payloads_of

EXECUTE = "Execute query (Ctrl-Enter)"
VERSIONS = {
    "@graphiql/plugin-explorer": GraphQLView.graphiql_plugin_explorer_version,
    "graphiql": GraphQLView.graphiql_version,
    "graphql-ws": GraphQLView.subscriptions_transport_ws_version,
    "react": GraphQLView.react_version,
    "react-dom": GraphQLView.react_version,
    "whatwg-fetch": GraphQLView.whatwg_fetch_version,
}

#: Keeps the text of each response, which GraphiQL itself may not read to its end.
KEEP = """
    const { fetch } = window;
    window.answers = [];
    window.fetch = async (...request) => {
        const response = await fetch(...request);
        window.answers.push(response.clone().text());
        return response;
    };
"""
#: The text of the response after as many others.
ANSWER = """async (before) => {
    while (window.answers.length <= before) await new Promise(requestAnimationFrame);
    return window.answers[before];
}"""


@pytest.fixture
def graphiql(page, foreign, complaints, expect):
    page.add_init_script(KEEP)
    page.goto("/graphql/")
    expect(page.get_by_role("button", name=EXECUTE)).to_be_enabled()
    return page


def execute(page, parts=2):
    """Run the query, which defers its *parts*; return the names of the parts in the answer."""
    before = page.evaluate("window.answers.length")
    page.get_by_role("button", name=EXECUTE).click()
    payloads = payloads_of(page.evaluate(ANSWER, before))
    assert len(payloads) == 1 + parts
    edges = Merged(payloads).data["dashboard"]["edges"]
    return [edge["node"]["name"] for edge in edges]


def replace_text(page, editor, text):
    editor.locator(".CodeMirror:visible").click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(text)


def go_on(page):
    """Put the cursor of the last answer into the variables."""
    result = page.get_by_role("region", name="Result Window").inner_text()
    cursor = re.search(r'"endCursor":\s*"([\w.-]+)"', result)[1]
    set_after(page, cursor)
    return cursor


def set_after(page, cursor):
    variables = page.get_by_role("region", name="Variables")
    replace_text(page, variables, json.dumps({"first": 2, "after": cursor}))


def test_the_default_query_of_graphiql_leads_through_all_pages(
    graphiql, expect, complaints, foreign
):
    query = graphiql.get_by_role("region", name="Query Editor")
    result = graphiql.get_by_role("region", name="Result Window")
    expect(query).to_contain_text("# The shop's dashboard, two parts at a time.")
    expect(graphiql.get_by_role("region", name="Variables")).to_contain_text('"first": 2')

    assert execute(graphiql) == ["overview", "todayStats"]
    expect(result).to_contain_text('"storeName": "Corner Shop"')

    go_on(graphiql)
    assert execute(graphiql) == ["recentOrders", "inventoryAlerts"]
    expect(result).to_contain_text('"name": "recentOrders"')
    expect(result).not_to_contain_text("Corner Shop")
    expect(result).to_contain_text('"hasNextPage": true')

    go_on(graphiql)
    assert execute(graphiql) == ["salesAnalytics", "salesForecast"]

    go_on(graphiql)
    assert execute(graphiql, parts=1) == ["customerInsights"]
    expect(result).to_contain_text('"hasNextPage": false')
    assert (foreign, complaints) == ([], [])


def test_the_panes_and_dialogs_of_graphiql_need_no_other_host_and_obey_the_policy(
    graphiql, expect, complaints, foreign
):
    def open_and_see(button, words):
        graphiql.get_by_role("button", name=button).click()
        expect(graphiql.locator("body")).to_contain_text(words)

    open_and_see("Show Documentation Explorer", "All Schema Types")
    open_and_see("Show History", "History")
    open_and_see("Show GraphiQL Explorer", "Add new")
    for button, words in [
        ("Open short keys dialog", "Short Keys"),
        ("Open settings dialog", "Clear storage"),
    ]:
        open_and_see(button, words)
        graphiql.keyboard.press("Escape")
        expect(graphiql.get_by_role("dialog")).to_have_count(0)
    replace_text(graphiql, graphiql.get_by_role("region", name="Query Editor"), "{ nothing }")
    graphiql.locator(".CodeMirror-lint-mark-error").first.hover()
    expect(graphiql.get_by_text('Cannot query field "nothing"')).to_be_visible()
    assert (foreign, complaints) == ([], [])


def test_the_policy_of_graphiql_names_no_other_host_and_allows_nothing_unsafe(page):
    policy = page.goto("/graphql/").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; ")
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"unsafe|\*|\w\.\w|https?:", policy)


def test_a_failed_part_is_data_in_the_answer_of_graphiql(graphiql, expect):
    result = graphiql.get_by_role("region", name="Result Window")
    with part_fails("today_stats"):
        assert execute(graphiql) == ["overview", "todayStats"]
    expect(result).to_contain_text('"code": "part_failed"')
    expect(result).to_contain_text('"storeName": "Corner Shop"')


def test_an_expired_cursor_is_an_error_in_graphiql(graphiql, expect):
    execute(graphiql)
    result = graphiql.get_by_role("region", name="Result Window")
    expect(result).to_contain_text("endCursor")
    set_after(graphiql, expired(go_on(graphiql)))
    graphiql.get_by_role("button", name=EXECUTE).click()
    expect(result).to_contain_text('"code": "CURSOR_EXPIRED"')


def test_the_documentation_in_graphiql_describes_the_parts(graphiql, expect):
    graphiql.get_by_role("button", name="Show Documentation Explorer").click()
    documentation = graphiql.get_by_role("region", name="Documentation Explorer")

    def follow(name, *said):
        documentation.get_by_role("link", name=name, exact=True).first.click()
        for words in said:
            expect(documentation).to_contain_text(words)

    def back():
        documentation.get_by_role("link", name=re.compile("^Go back to ")).click()

    follow("Query", "The dashboard, a few parts at a time")
    follow(
        "DashboardConnection",
        "Whose shop this is.",
        "Today so far.",
        "The newest orders.",
        "Products that run out.",
        "Revenue and conversion over time.",
        "Revenue of the next twelve weeks; computed in the background.",
        "Churn and lifetime value.",
        "How many parts the query selects that this user may see.",
    )
    follow("SalesAnalytics", "Orders per visitor, from 0 to 1.")
    back()
    follow("DashboardEdge")
    follow("DashboardPart", "One part of Dashboard: the field of its name is filled.")
    follow("PartStatus", "It took longer than its limit.", "It is here.")
    back()
    follow("PartError", "Whether asking again may help.", "For people.")


def test_the_vendored_files_of_graphiql_equal_the_published_packages(npm_file):
    folder = Path(finders.find("example_schema/vendor/graphiql"))
    files = [file.relative_to(folder) for file in folder.rglob("*") if file.is_file()]
    packages = {name_and_path(file)[0] for file in files}
    assert packages == VERSIONS.keys()
    for file in files:
        package, path = name_and_path(file)
        assert (folder / file).read_bytes() == npm_file(f"{package}@{VERSIONS[package]}", path)


def name_and_path(file):
    """The npm package of a vendored *file*, and its path in there."""
    length = 2 if file.parts[0].startswith("@") else 1
    return "/".join(file.parts[:length]), "/".join(file.parts[length:])
