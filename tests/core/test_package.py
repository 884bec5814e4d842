"""The names of the package: ``ProgressiveView`` alone needs Django REST framework."""

import pytest

import django_partstream


@pytest.fixture
def imports(monkeypatch):
    """Have the import of a front fail for want of a package: ``imports(without="name")``."""

    def failing(*, without):
        def import_module(name):
            raise ModuleNotFoundError(f"No module named {without!r}", name=without)

        monkeypatch.delitem(vars(django_partstream), "ProgressiveView", raising=False)
        monkeypatch.setattr(django_partstream, "import_module", import_module)

    return failing


def test_an_unknown_name_is_an_attribute_error_that_says_it():
    with pytest.raises(AttributeError, match="'django_partstream' has no attribute 'nothing'"):
        django_partstream.nothing  # noqa: B018


@pytest.mark.parametrize("without", ["rest_framework", "rest_framework.views"])
def test_progressive_view_without_rest_framework_says_what_to_install(imports, without):
    imports(without=without)
    with pytest.raises(ImportError, match=r"pip install 'django-partstream\[rest\]'"):
        django_partstream.ProgressiveView  # noqa: B018


def test_progressive_view_without_another_package_names_that_package(imports):
    imports(without="markdown")
    with pytest.raises(ModuleNotFoundError, match="markdown"):
        django_partstream.ProgressiveView  # noqa: B018


def test_progressive_view_is_looked_up_once(monkeypatch):
    views = pytest.importorskip("partstream_rest.views")
    monkeypatch.delitem(vars(django_partstream), "ProgressiveView", raising=False)
    assert django_partstream.ProgressiveView is views.ProgressiveView
    assert vars(django_partstream)["ProgressiveView"] is views.ProgressiveView
