"""The guide, "Testing": its test case, word for word, against its own dashboard."""

# ruff: noqa: PT009 -- the guide uses the assertions of unittest

import unittest
from unittest import mock

import pytest
from django.test import TestCase
from django.urls import path
from rest_framework.test import APIClient

from django_partstream.exceptions import CursorInvalid
from django_partstream.testing import walk
from tests.guide.test_basic_usage import Dashboard

urlpatterns = [path("api/dashboard/", Dashboard.as_view())]


@pytest.fixture(autouse=True)
def _dashboard(settings):
    settings.ROOT_URLCONF = __name__


# fmt: off
class ProgressiveAPITest(TestCase):
    def setUp(self):
        self.client = APIClient()

    def test_progressive_loading(self):
        response = self.client.get('/api/dashboard/')
        self.assertEqual(response.status_code, 200)

        data = response.json()
        self.assertIn('results', data)
        self.assertIn('cursor', data)

        # Test second chunk if cursor exists
        if data['cursor']:
            response2 = self.client.get(f'/api/dashboard/?cursor={data["cursor"]}')
            self.assertEqual(response2.status_code, 200)
# fmt: on


def outcome_of_the_guides_test():
    """Run the guide's test as Django's own runner does, and return its result."""
    result = unittest.TestResult()
    unittest.TestSuite([ProgressiveAPITest("test_progressive_loading")]).run(result)
    return result


def test_the_dashboard_of_the_guides_test_has_a_second_chunk(client, db):
    walked = walk(client, "/api/dashboard/")
    assert walked.names == ["overview", "orders", "analytics"]
    assert len(walked.pages) == 2


@pytest.mark.django_db(transaction=True)
def test_the_guides_test_passes():
    result = outcome_of_the_guides_test()
    assert result.testsRun == 1
    assert result.wasSuccessful()


@pytest.mark.django_db(transaction=True)
def test_the_guides_test_fails_where_the_cursor_is_refused():
    with mock.patch("django_partstream.cursors.read", side_effect=CursorInvalid):
        [(_, traceback)] = outcome_of_the_guides_test().failures
    assert "400 != 200" in traceback
