"""The first page: its commands make a project from nothing, and print what the page shows."""

import json
import re

import pytest

from tests.documentation import ROOT, blocks, steps
from tests.project import Project

PAGE = ROOT / "docs" / "start.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)


@pytest.fixture
def project(tmp_path):
    made = Project(tmp_path)
    yield made
    made.close()


def test_each_command_of_the_page_prints_what_the_page_shows(project):
    printed = []
    for language, code in steps(PAGE):
        if language == "python":
            project.save(code)
        elif language == "console":
            printed.append(project.check(code))
        else:
            page = in_graphiql(project, code)
    computed, kept = map(float, re.findall(r"^([\d.]+) s$", "\n".join(printed), re.MULTILINE))
    assert computed >= 1 > kept
    assert page["pageInfo"]["hasNextPage"] is False
    assert [edge["node"]["status"] for edge in page["edges"]] == ["OK", "OK", "ERROR"]


def in_graphiql(project, query):
    """The connection that GraphiQL, which has to be there, gets for the page's *query*."""
    address = "http://127.0.0.1:8000/graphql/"
    assert "graphiql" in project.run(f'curl -s -H "Accept: text/html" {address}')
    (project.folder / "query.graphql").write_text(query)
    answer = project.run(f"curl -sG {address} --data-urlencode query@query.graphql")
    return json.loads(answer)["data"]["dashboard"]


def test_the_commands_that_are_not_run_make_the_environment():
    first = blocks(PAGE, "console")[0]
    not_run = [line[2:] for line in first.splitlines() if line[2:].startswith(Project.SKIPPED)]
    assert not_run == [
        "python3 -m venv .venv",
        ". .venv/bin/activate",
        'pip install "django-partstream[rest,graphql]"',
    ]
