"""
The tests in other environments: each Python and Django, the oldest and newest of what the library
needs, one front alone, and the wheel itself.

`make test` runs every test. A session repeats the tests whose result may depend on its environment.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile

import nox
from nox.command import CommandFailed
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).parent
CONSTRAINTS = HERE / "constraints.txt"
PACKAGES = ["django_partstream", "partstream_rest", "partstream_graphql"]
#: What `make test` runs besides: a browser, Node.js, processes of servers and workers, benchmarks.
ASIDE = (
    *("background", "browser", "clients", "server"),
    *("test_benchmarks.py", "test_start_page.py"),
)
IN_PROCESS = [f"--ignore=tests/{name}" for name in ASIDE]
#: The tests of the library itself, without those of the example, the README and the guide.
LIBRARY = ["tests/core", "tests/rest", "tests/graphql", "tests/both"]
#: The tests of the engines of background parts, without those of whole systems.
ENGINE_TESTS = ["tests/background", "--ignore=tests/background/systems"]
#: Those of them that a Python or a Django may change; the others depend on versions of packages.
WORKER_TESTS = [f"tests/background/test_{name}.py" for name in ("celery_workers", "tasks_backends")]
#: The tests of the core that use a front where it is installed; `core_only` runs all without one.
CORE_AND_FRONTS = [f"tests/core/test_{name}.py" for name in ("faults", "package", "walk_targets")]
#: The most examples of a property (tests/properties.py), which `make test` tries with all of them.
FEW_EXAMPLES = {"PARTSTREAM_TEST_EXAMPLES": "10"}
#: All that tests need; a session that does without some of it names its own extras.
TEST_EXTRAS = "demo,test,test-graphql,test-engines"
ENGINES = ["celery", "kombu", "django_tasks", "django_tasks_db"]
#: What OpenTelemetry's packages need of each other, each in a version of its own.
OPENTELEMETRY = [
    *("opentelemetry-instrumentation", "opentelemetry-instrumentation-dbapi"),
    *("opentelemetry-instrumentation-wsgi", "opentelemetry-semantic-conventions"),
    *("opentelemetry-util-http", "wrapt"),
]
#: How `make docs` builds: warnings fail, and so does a name or an anchor that is not there.
SPHINX = ["-b", "html", "-W", "--keep-going", "-n", "-q", "-c", "docs"]
DJANGO = {"3.11": "Django~=5.2.0", "3.12": "Django~=6.0.0", "3.13": "Django>=6.1"}
#: A Python that the machines of CI lack: a workflow of the forge runs its tests, and reports.
AHEAD = {"3.14": "Django>=6.1"}

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "virtualenv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = os.environ.get("CI") == "true"  # else skipped

pins: dict[str, set[str]] = {}


@nox.session(python=[*DJANGO, *AHEAD])
def tests(session: nox.Session) -> None:
    """The library's tests on each Python with a Django of its time."""
    install(session, "-e", f".[{TEST_EXTRAS}]", (DJANGO | AHEAD)[str(session.python)])
    session.run("python", "-m", "django", "--version")
    if session.python != max(DJANGO):
        pytest(session, *IN_PROCESS)
        return
    pytest_with_coverage(session, *IN_PROCESS)
    pytest(session, *WORKER_TESTS)  # this Django has tasks of its own


@nox.session
def postgres(session: nox.Session) -> None:
    """The tests that use a database, with PostgreSQL in place of SQLite."""
    install(session, "-e", ".[demo,test]")
    session.env["PARTSTREAM_TEST_DATABASE"] = "postgres"
    pytest(session, *LIBRARY, "-m", "database")


@nox.session
def mariadb(session: nox.Session) -> None:
    """The same with MariaDB, by PyMySQL, then its own tests by mysqlclient."""
    install(session, "-e", ".[demo,test]")
    pytest(session, *LIBRARY, "-m", "database", env={"PARTSTREAM_TEST_DATABASE": "mariadb"})
    if not shutil.which("mariadb_config") and os.environ.get("CI") != "true":
        session.log("mysqlclient is not tested: it needs libmariadb-dev, pkg-config and gcc.")
        return
    install(session, "mysqlclient")
    pytest(session, "tests/core", "-m", "mysql")


@nox.session(python=min(DJANGO))
def lowest(session: nox.Session) -> None:
    """The library's tests with the lowest version of each requirement in pyproject.toml."""
    minima = lowest_versions()
    # These ask for others of their own version.
    others = pinned(without={*minima, "psycopg-binary", "pydantic-core", *OPENTELEMETRY})
    install_constrained(session, [*minima.values(), *others], "-e", f".[{TEST_EXTRAS}]")
    pytest(session, *LIBRARY, *ENGINE_TESTS)


@nox.session(python=max(DJANGO))
def upstream(session: nox.Session) -> None:
    """The library's tests with the newest release of everything, pre-releases too; reported."""
    with reported(session):
        session.install("--pre", "-e", ".[demo,test,test-engines]")
        session.run("python", "-m", "pip", "list")
        pytest(session, *LIBRARY, *ENGINE_TESTS)


@nox.session
def core33(session: nox.Session) -> None:
    """GraphQL on graphql-core 3.3; reported while Graphene admits no more than 3.2."""
    install(session, "-e", ".[demo,test]")
    session.install("--no-deps", "graphql-core~=3.3.0")
    conflicts = session.run("python", "-m", "pip", "check", silent=True, success_codes=[0, 1])
    with reported(session, fatal="graphene " not in str(conflicts)):
        pytest(session, "tests/graphql", "tests/both")


@nox.session
def rest_only(session: nox.Session) -> None:
    """REST where Graphene is absent."""
    install(session, "-e", ".[rest,test]")
    assert_absent(session, "graphene", "graphene_django", "graphql", "drf_spectacular", *ENGINES)
    pytest(session, *CORE_AND_FRONTS, "tests/rest", "--ignore=tests/rest/test_openapi.py")


@nox.session
def graphql_only(session: nox.Session) -> None:
    """GraphQL where Django REST framework is absent."""
    install(session, "-e", ".[graphql,test]")
    assert_absent(session, "rest_framework", "drf_spectacular", *ENGINES)
    pytest(session, *CORE_AND_FRONTS, "tests/graphql")


@nox.session
def core_only(session: nox.Session) -> None:
    """The core with neither front, which says what ProgressiveView lacks."""
    install(session, "-e", ".[test]")
    assert_absent(session, "rest_framework", "graphene", "graphene_django", "graphql", *ENGINES)
    refusal = session.run(
        *("python", "-c", "from django_partstream import ProgressiveView"),
        silent=True,
        success_codes=[1],
    )
    expected = "ImportError: ProgressiveView needs Django REST framework: pip install "
    if not str(refusal).strip().splitlines()[-1].startswith(expected):
        session.error(f"Importing ProgressiveView without DRF said:\n{refusal}")
    pytest(session, "tests/core")


@nox.session(python="3.12")
def wheel(session: nox.Session) -> None:
    """The session `tests` from the sdist, against the wheel: no file of the repository beside."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        built, sources = build(session, place / "dist")
        assert_ships(session, built)
        install(session, f"{built}[{TEST_EXTRAS}]", DJANGO[str(session.python)])

        with tarfile.open(sources) as archive:
            archive.extractall(place, filter="data")
        session.chdir(place / sources.name.removesuffix(".tar.gz"))
        pytest(session, "--collect-only", "-qq", "--no-summary")
        for package in PACKAGES:
            shutil.rmtree(package)
        assert_installed(session)
        pytest(session, *IN_PROCESS)


@nox.session(default=False)
def dist(session: nox.Session) -> None:
    """The sdist, the wheel and the npm package, in dist/, as a release publishes them."""
    built, _ = build(session, HERE / "dist")
    assert_ships(session, built)
    session.run("npm", "pack", "./clients/js", "--pack-destination", "dist", external=True)


@nox.session
def docs(session: nox.Session) -> None:
    """The site of the documentation, built with its own extra alone; a warning fails."""
    install(session, "-e", ".[docs]")
    site = str(Path(session.create_tmp()) / "site")
    session.run("python", "-m", "sphinx", *SPHINX, "-E", ".", site)


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Style, types and which way imports go."""
    session.run("make", "lint", external=True)


@nox.session(name="pins", python=list(DJANGO), default=False)
def write_pins(session: nox.Session) -> None:
    """Pin in constraints.txt the newest of everything that the dev and bench extras install."""
    session.install("-e", ".[dev,bench]")
    frozen = session.run("python", "-m", "pip", "freeze", "--exclude-editable", silent=True)
    pins[str(session.python)] = set(str(frozen).splitlines())
    if missing := DJANGO.keys() - pins.keys():
        session.log(f"constraints.txt is written once there are pins for {', '.join(missing)} too.")
        return

    every = list(DJANGO)
    lines = {}
    for pin in set.union(*pins.values()):
        pinned = [python for python in every if pin in pins[python]]
        marks = []
        if pinned[0] != every[0]:
            marks.append(f'python_version >= "{pinned[0]}"')
        if pinned[-1] != every[-1]:
            marks.append(f'python_version < "{every[every.index(pinned[-1]) + 1]}"')
        lines[pin] = " ; ".join([pin, " and ".join(marks)]) if marks else pin
    ordered = sorted(lines, key=lambda pin: (pin.lower().partition("==")[0], pin))
    heading = "# Written by `make pins`: everything that the dev and bench extras install.\n"
    CONSTRAINTS.write_text(heading + "".join(f"{lines[pin]}\n" for pin in ordered))


def install(session: nox.Session, *requirements: str) -> None:
    """Install what the constraints pin, of any Django: that one the sessions choose."""
    install_constrained(session, pinned(without={"django"}), *requirements)


def install_constrained(session: nox.Session, pins: list[str], *requirements: str) -> None:
    """Install *requirements* in versions that *pins*, lines of a constraints file, admit."""
    constraints = Path(session.create_tmp()) / "constraints.txt"
    constraints.write_text("".join(f"{pin}\n" for pin in pins))
    session.install("--constraint", str(constraints), *requirements)


def pinned(*, without: set[str]) -> list[str]:
    """The lines of constraints.txt, except those that pin a name in *without*."""
    lines = [line for line in CONSTRAINTS.read_text().splitlines() if not line.startswith("#")]
    return [line for line in lines if canonicalize_name(line.partition("==")[0]) not in without]


def lowest_versions() -> dict[str, str]:
    """
    A pin of each requirement in pyproject.toml to its lowest version, by name.

    ``Django>=5.2`` becomes ``django==5.2``. A requirement without a lowest version has no pin.
    """
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    declared = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        declared += extra
    pins = {}
    for requirement in map(Requirement, declared):
        name = canonicalize_name(requirement.name)
        for specifier in requirement.specifier:
            if specifier.operator in (">=", "=="):
                pins[name] = f"{name}=={specifier.version}"
    return pins


@contextmanager
def reported(session: nox.Session, *, fatal: bool = False) -> Iterator[None]:
    """
    Turn a failed command of the body into a warning, which ``.ci/run`` repeats at its end.

    The session passes then. With *fatal* it fails as any other.
    """
    try:
        yield
    except CommandFailed:
        if fatal:
            raise
        session.warn(f"REPORTED, NOT FATAL: {session.name} failed.")


def pytest(session: nox.Session, *arguments: str, env: dict[str, str] | None = None) -> None:
    """Run the tests that *arguments* choose, with a few examples of each property."""
    environment = {**FEW_EXAMPLES, **(env or {})}
    session.run("python", "-m", "pytest", *arguments, *session.posargs, env=environment)


def pytest_with_coverage(session: nox.Session, *arguments: str) -> None:
    """Fail also if the tests leave more lines unrun than pyproject.toml admits."""
    install(session, "coverage")
    session.env["COVERAGE_FILE"] = str(Path(session.create_tmp()) / "coverage")
    session.env["COVERAGE_CORE"] = "sysmon"
    command = ("coverage", "run", "-m", "pytest", *arguments, *session.posargs)
    session.run("python", "-m", *command, env=FEW_EXAMPLES)
    session.run("python", "-m", "coverage", "report")


def assert_absent(session: nox.Session, *modules: str) -> None:
    """Stop if a module can be found that this session is meant to do without."""
    look = "import importlib.util, sys; print(*filter(importlib.util.find_spec, sys.argv[1:]))"
    if found := str(session.run("python", "-c", look, *modules, silent=True)).split():
        session.error(f"Installed, though this session does without: {', '.join(found)}")


def build(session: nox.Session, place: Path) -> tuple[Path, Path]:
    """Build the wheel and the sdist in *place*, and have twine check their metadata."""
    install(session, "build", "twine")
    session.run("python", "-m", "build", "--outdir", str(place), silent=True)
    (built,), (sources,) = place.glob("*.whl"), place.glob("*.tar.gz")
    session.run("python", "-m", "twine", "check", "--strict", str(built), str(sources))
    return built, sources


def assert_ships(session: nox.Session, built: Path) -> None:
    """Stop if the wheel holds another thing than the packages, typed, with the client's hooks."""
    names = ZipFile(built).namelist()
    tops = {name.partition("/")[0] for name in names}
    if strays := {top for top in tops if not top.endswith(".dist-info")} ^ set(PACKAGES):
        session.error(f"The wheel and its packages differ by: {', '.join(sorted(strays))}")
    static = "django_partstream/static/django_partstream"
    files = {f"{package}/py.typed" for package in PACKAGES}
    files |= {f"{static}/{name}.js" for name in ("partstream", "react", "vue")}
    if lacking := files - set(names):
        session.error(f"The wheel lacks: {', '.join(sorted(lacking))}")


def assert_installed(session: nox.Session) -> None:
    """Stop if the tests would import the library from anywhere but the environment."""
    look = (
        "import importlib.util, sys\n"
        "for name in sys.argv[1:]: print(importlib.util.find_spec(name).origin)"
    )
    origins = str(session.run("python", "-c", look, *PACKAGES, silent=True)).splitlines()
    inside = Path(session.virtualenv.location).resolve()
    if strays := [o for o in origins if not Path(o).resolve().is_relative_to(inside)]:
        session.error(f"Imported from elsewhere than the wheel: {', '.join(strays)}")
