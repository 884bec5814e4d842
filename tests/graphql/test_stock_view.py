"""graphene-django's own tests of its view pass against the view of this project."""

import os
import re
import subprocess
import sys

OWN_TESTS = "graphene_django.tests.test_views"


def run(*arguments):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", os.getcwd()),
            *("-p", "no:cacheprovider", "-p", "no:snapshottest", *arguments),
            *("--pyargs", OWN_TESTS),
        ],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.graphql.stock.settings"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    found = re.search(r"^(\d+) passed", done.stdout, re.MULTILINE)
    assert done.returncode == 0, done.stdout
    assert found, done.stdout
    return int(found[1])


def test_graphene_djangos_own_view_tests_all_pass_against_the_progressive_view():
    assert run("-p", "tests.graphql.stock.plugin") == run() > 50
