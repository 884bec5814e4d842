"""The JavaScript client in Django's static files is the same as in the npm package."""

import re
from urllib.request import urlopen

import pytest
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.template import Context, Template

import django_partstream
from tests.tools import ROOT

CLIENT = ROOT / "clients/js"
STATIC = ROOT / "django_partstream/static/django_partstream"

#: An import of a module beside the file or below it, also one that happens later.
IMPORT = re.compile(r'\b(?:from |import\()"\./([\w./]+)"')


def imported(folder, name):
    """The file *name* in *folder* and all that it imports, with what that imports."""
    names = IMPORT.findall((folder / name).read_text(encoding="utf-8"))
    beside = name.rpartition("/")[0]
    found = (f"{beside}/{one}" if beside else one for one in names)
    return {name}.union(*(imported(folder, one) for one in found))


def static_files():
    """The names of the files in Django's static files, as the npm package has them."""
    return [path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file()]


def test_the_static_javascript_client_is_served_at_the_address_in_its_readme(live_server):
    readme = (CLIENT / "README.md").read_text(encoding="utf-8")
    template = re.search(r"^```html\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)[1]
    address = re.search(r'from "(.*?)"', Template(template).render(Context()))[1]
    folder, _, name = address.rpartition("/")
    assert name == "partstream.js"
    assert imported(CLIENT, name) == {"partstream.js", "stream.js"}
    for one in imported(CLIENT, name) | imported(CLIENT, "loader.js"):
        with urlopen(f"{live_server.url}{folder}/{one}") as response:
            kind = response.headers.get_content_type()
            assert kind in {"text/javascript", "application/javascript"}
            assert response.read() == (CLIENT / one).read_bytes()


def test_each_static_file_of_the_javascript_client_is_the_file_of_the_npm_package():
    files = {name: (STATIC / name).read_bytes() for name in static_files()}
    assert files == {name: (CLIENT / name).read_bytes() for name in files}


def test_each_static_file_of_the_javascript_client_has_what_it_imports():
    names = set(static_files())
    assert set().union(*(imported(STATIC, name) for name in names)) == names


class HashedStorage(ManifestStaticFilesStorage):
    support_js_module_import_aggregation = True


@pytest.mark.parametrize(
    "name", ["partstream.js", "loader.js", "timeline.js", "react.js", "vue.js"]
)
def test_the_imports_of_the_static_client_have_hashed_names_where_files_have(tmp_path, name):
    storage = HashedStorage(location=tmp_path, base_url="/static/")
    found = [f"django_partstream/{name}" for name in static_files()]
    for path in found:
        with open(finders.find(path), "rb") as file:
            storage.save(path, file)
    renamed = dict(
        pair[:2] for pair in storage.post_process({path: (storage, path) for path in found})
    )
    entry = renamed[f"django_partstream/{name}"]
    linked = imported(tmp_path / "django_partstream", entry.rpartition("/")[2])
    assert len(linked) == len(imported(CLIENT, name))
    assert {f"django_partstream/{one}" for one in linked} <= set(renamed.values())


def test_the_npm_and_python_packages_have_the_same_version():
    assert f'"version": "{django_partstream.__version__}"' in (CLIENT / "package.json").read_text()
