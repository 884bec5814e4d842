"""The client in Django's own static files: the same file that npm has."""

from django.contrib.staticfiles import finders

import django_partstream
from tests.tools import ROOT

CLIENT = ROOT / "clients/js"


def test_it_is_the_file_of_the_package():
    found = finders.find("django_partstream/partstream.js")
    assert found, "It is not among the static files."
    with open(found, encoding="utf-8") as file:
        assert file.read() == (CLIENT / "partstream.js").read_text(encoding="utf-8")


def test_both_packages_have_one_version():
    assert f'"version": "{django_partstream.__version__}"' in (CLIENT / "package.json").read_text()
