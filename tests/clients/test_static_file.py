"""The JavaScript client in Django's static files is the same file as in the npm package."""

import re
from urllib.request import urlopen

from django.template import Context, Template

import django_partstream
from tests.tools import ROOT

CLIENT = ROOT / "clients/js"


def test_the_static_javascript_client_is_served_at_the_address_in_its_readme(live_server):
    readme = (CLIENT / "README.md").read_text(encoding="utf-8")
    template = re.search(r"^```html\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)[1]
    address = re.search(r'from "(.*?)"', Template(template).render(Context()))[1]
    with urlopen(live_server.url + address) as response:
        assert response.headers.get_content_type() in {"text/javascript", "application/javascript"}
        assert response.read() == (CLIENT / "partstream.js").read_bytes()


def test_the_npm_and_python_packages_have_the_same_version():
    assert f'"version": "{django_partstream.__version__}"' in (CLIENT / "package.json").read_text()
