import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured

from django_partstream.conf import SETTINGS, option, setting


def problems():
    return [found for found in run_checks() if (found.id or "").startswith("partstream.")]


def test_a_setting_is_read_on_each_use(settings):
    assert setting("CHUNK_SIZE") == 2
    settings.PARTSTREAM = {"CHUNK_SIZE": 7}
    assert setting("CHUNK_SIZE") == 7


def test_a_class_attribute_wins_over_the_setting(settings):
    settings.PARTSTREAM = {"CHUNK_SIZE": 7}

    class View:
        chunk_size = 4

    assert option(View(), "chunk_size") == 4
    assert option(object(), "chunk_size") == 7


@pytest.mark.parametrize("value", [0, -1, 1.5, "3", True])
def test_the_error_for_a_bad_class_attribute_names_it_and_its_value(value):
    class View:
        chunk_size = value

    with pytest.raises(ImproperlyConfigured) as caught:
        option(View(), "chunk_size")
    assert "View.chunk_size" in str(caught.value)
    assert repr(value) in str(caught.value)


def test_good_settings_pass_the_checks(settings):
    settings.PARTSTREAM = {name: known.default for name, known in SETTINGS.items()}
    assert problems() == []


def test_an_unknown_setting_is_an_error_with_the_likely_name_as_hint(settings):
    settings.PARTSTREAM = {"CHUNKSIZE": 3}
    (problem,) = problems()
    assert problem.id == "partstream.E002"
    assert "'CHUNKSIZE'" in problem.msg
    assert "'CHUNK_SIZE'" in problem.hint


@pytest.mark.parametrize(
    ("key", "value"),
    [("CHUNK_SIZE", 0), ("CURSOR_TTL", "3600"), ("MAX_CURSOR_LENGTH", 10), ("SERVER_TIMING", 1)],
)
def test_a_bad_value_of_a_setting_is_an_error_with_the_allowed_values_as_hint(settings, key, value):
    settings.PARTSTREAM = {key: value}
    (problem,) = problems()
    assert problem.id == "partstream.E003"
    assert repr(value) in problem.msg
    assert SETTINGS[key].wants in problem.hint


def test_settings_that_are_no_dict_are_an_error(settings):
    settings.PARTSTREAM = ["CHUNK_SIZE"]
    assert [problem.id for problem in problems()] == ["partstream.E001"]
