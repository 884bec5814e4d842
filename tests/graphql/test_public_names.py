"""The public names of the package, each imported when it is asked for."""

import subprocess
import sys
from importlib import import_module

import pytest

import partstream_graphql

IMPORTED = """
import sys
import partstream_graphql
from django_partstream.conf import SETTINGS

assert "MAX_QUERY_DEPTH" in SETTINGS
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize("name", partstream_graphql.__all__)
def test_a_public_name_is_an_object_of_that_name(name):
    assert getattr(partstream_graphql, name).__name__ == name
    assert name in dir(partstream_graphql)


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'partstream_graphql' has no attribute 'Dashboard'"):
        partstream_graphql.Dashboard  # noqa: B018


def test_the_view_is_importable_from_views():
    from partstream_graphql.views import ProgressiveGraphQLView

    assert ProgressiveGraphQLView is partstream_graphql.ProgressiveGraphQLView


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("limits", "ProgressiveLimitsRule"),
        ("persisted", "AutomaticPersistedQueries"),
        ("persisted", "TrustedDocuments"),
    ],
)
def test_a_name_is_importable_from_its_earlier_module(module, name):
    earlier = import_module(f"partstream_graphql.{module}")
    assert getattr(earlier, name) is getattr(partstream_graphql, name)


def test_importing_the_package_registers_settings_and_loads_no_graphene():
    run = subprocess.run(
        [sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 0, run.stderr
    assert not {"graphene", "graphene_django", "graphql", "rest_framework"} & {*run.stdout.split()}
