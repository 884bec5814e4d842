"""The client in Django's own static files: the same file that npm has."""

import re
from urllib.request import urlopen

from django.template import Context, Template

import django_partstream
from tests.tools import ROOT

CLIENT = ROOT / "clients/js"


def test_it_is_served_where_the_readme_says(live_server):
    readme = (CLIENT / "README.md").read_text(encoding="utf-8")
    template = re.search(r"^```html\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)[1]
    address = re.search(r'from "(.*?)"', Template(template).render(Context()))[1]
    with urlopen(live_server.url + address) as response:
        assert response.headers.get_content_type() in {"text/javascript", "application/javascript"}
        assert response.read() == (CLIENT / "partstream.js").read_bytes()


def test_both_packages_have_one_version():
    assert f'"version": "{django_partstream.__version__}"' in (CLIENT / "package.json").read_text()
