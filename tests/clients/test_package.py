"""The npm package as it is packed: its files, and what Node.js imports from it."""

import json
import re
import subprocess
import tarfile

import pytest

from tests import tools
from tests.clients.test_static_file import CLIENT, IMPORT

#: What each entry of the package exports first.
ENTRIES = {
    "partstream": "parts",
    "partstream/loader": "ProgressiveLoader",
    "partstream/react": "useParts",
    "partstream/remembered": "remembered",
    "partstream/visible": "visibleNow",
    "partstream/vue": "useParts",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with the package installed from its tarball, and React and Vue beside it."""
    folder = tmp_path_factory.mktemp("project")
    modules = folder / "node_modules"
    modules.mkdir()
    done = tools.npm("pack", "--silent", "--pack-destination", str(folder), folder=CLIENT)
    assert done.returncode == 0, done.stdout
    with tarfile.open(next(folder.glob("*.tgz"))) as packed:
        packed.extractall(folder, filter="data")
    (folder / "package").rename(modules / "partstream")
    installed = tools.node_modules(CLIENT)
    for name in ("react", "vue", "@vue"):
        (modules / name).symlink_to(installed / name)
    return folder


@pytest.fixture(scope="module")
def packed(project):
    """The folder of the package, and the names of its files."""
    folder = project / "node_modules/partstream"
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return folder, names


def test_the_package_has_its_modules_and_their_types_and_no_other_file(packed):
    _, names = packed
    others = {name for name in names if not re.fullmatch(r"(timeline/)?[a-z]+(\.d\.ts|\.js)", name)}
    assert others == {"LICENSE", "README.md", "package.json"}


def test_the_package_has_every_file_that_it_names(packed):
    folder, names = packed
    described = json.loads((folder / "package.json").read_text())
    named = {path for entry in described["exports"].values() for path in entry.values()}
    assert {path.removeprefix("./") for path in named} <= names
    for name in names:
        if name.endswith(".js"):
            beside = name.rpartition("/")[0]
            found = IMPORT.findall((folder / name).read_text(encoding="utf-8"))
            assert {f"{beside}/{one}" if beside else one for one in found} <= names


def test_the_package_is_published_with_provenance(packed):
    folder, _ = packed
    described = json.loads((folder / "package.json").read_text())
    assert described["publishConfig"] == {"access": "public", "provenance": True}


@pytest.mark.parametrize(("entry", "name"), ENTRIES.items())
def test_node_imports_each_entry_of_the_package(project, entry, name):
    code = f'import {{ {name} }} from "{entry}"; console.log(typeof {name});'
    command = [tools.program("node"), "--input-type=module", "--eval", code]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("function\n", "")
