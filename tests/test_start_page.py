"""The first page: its commands make a project from nothing, and print what the page shows."""

import json
import re

import pytest

from tests.documentation import ROOT, shapes, steps
from tests.project import Project

PAGE = ROOT / "docs" / "start.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

STEPS = steps(PAGE)
PENDING_PAGES = 20  # of a part that takes three seconds, at most one a second


@pytest.fixture
def project(tmp_path):
    made = Project(tmp_path)
    yield made
    made.close()


def masked(printed):
    """The lines of *printed* as the page shows them: cursors shortened, figures an N."""
    text = re.sub(r"eyJ0eXAi[\w.-]+", "eyJ0eXAi…", printed)
    text = text.replace('"progress":null', '"progress":0.1')
    return [line for line in shapes(re.sub(r'"reference":"\w+"', '"reference":"N"', text)) if line]


def save(project, code):
    """Save a Python block as the file that its first line names, and have it served."""
    name, _, place = code.partition("\n")[0].removeprefix("# ").partition(", ")
    exists = (project.folder / name).exists()
    project.write(name, code, append=place == "at the end")
    if project.server and exists:
        project.reload(name)


def commands_of(block):
    """Each command of a console block, and the lines that it prints."""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        else:
            found[-1][1].append(line)
    return found


def printed_by(project, command, shown):
    """The output of *command*; of a page that waits for a part, that of the page that has it."""
    printed = project.run(command)
    if "cursor=" in command and '"pending"' not in "".join(shown):
        for _ in range(PENDING_PAGES):
            if '"pending"' not in printed:
                break
            printed = project.run(command)
    return printed


def test_each_command_of_the_page_prints_what_the_page_shows(project):
    times = []
    for language, code in STEPS:
        if language == "python":
            save(project, code)
        elif language == "console":
            for command, shown in commands_of(code):
                printed = printed_by(project, command, shown)
                assert masked(printed) == masked("\n".join(shown)), command
                times += map(float, re.findall(r"^([\d.]+) s$", printed, re.MULTILINE))
        elif language == "graphql":
            assert "graphiql" in project.run(
                'curl -s -H "Accept: text/html" http://127.0.0.1:8000/graphql/'
            )
            page = graphql(project, code)
    computed, kept = times
    assert computed >= 1 > kept
    assert page["pageInfo"]["hasNextPage"] is False
    assert [edge["node"]["status"] for edge in page["edges"]] == ["OK", "OK", "ERROR"]


def graphql(project, query):
    """The connection of the page's *query*."""
    project.write("query.graphql", query)
    command = "curl -sG http://127.0.0.1:8000/graphql/ --data-urlencode query@query.graphql"
    return json.loads(project.run(command))["data"]["dashboard"]


def test_the_commands_that_the_test_leaves_out_are_those_of_the_environment():
    (_, first) = next(step for step in STEPS if step[0] == "console")
    left_out = [line[2:] for line in first.splitlines() if line[2:].startswith(Project.SKIPPED)]
    assert left_out == [
        "python3 -m venv .venv",
        ". .venv/bin/activate",
        'pip install "django-partstream[rest,graphql]"',
    ]
