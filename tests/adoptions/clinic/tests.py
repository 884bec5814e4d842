from datetime import date
from unittest import mock

from clinic import overview, tokens
from clinic.models import Appointment, Patient, Practice
from clinic.tenancy import of_practice
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client, SimpleTestCase, TestCase, override_settings
from django.utils import timezone

from django_partstream import with_timeout
from django_partstream.testing import part_fails, part_hangs, walk

OLD, NEW = "/overview/", "/overview/parts/"


class OverviewTest(TestCase):
    def setUp(self):
        cache.clear()
        self.ann = User.objects.create_user("ann")
        self.north, self.south = (
            self.practice(name, fee) for name, fee in [("North", 80), ("South", 95)]
        )

    def practice(self, name, fee):
        practice = Practice.objects.create(name=name)
        with of_practice(practice.pk):
            patient = Patient.objects.create(practice=practice, name=f"Patient of {name}")
            for day in (date(2026, 1, 5), timezone.localdate()):
                Appointment.objects.create(practice=practice, patient=patient, day=day, fee=fee)
        return practice

    def client_of(self, practice):
        token = tokens.issue(self.ann, practice)
        return Client(headers={"Authorization": f"Bearer {token}"})

    def test_the_parts_have_the_values_of_the_view_from_before(self):
        client = self.client_of(self.north)
        walked = walk(client, NEW)
        self.assertEqual(walked.parts, client.get(OLD).json())
        self.assertEqual(walked.errors, [])

    def test_a_service_that_is_down_costs_its_own_part(self):
        client = self.client_of(self.north)
        with part_fails("messages"):
            walked = walk(client, NEW)
        self.assertIsNone(walked.parts.pop("messages"))
        self.assertEqual([error["part"] for error in walked.errors], ["messages"])
        before = client.get(OLD).json()
        self.assertEqual(walked.parts, {name: before[name] for name in walked.parts})

    def test_a_service_that_hangs_costs_its_own_part(self):
        with part_hangs("messages"):
            walked = walk(self.client_of(self.north), NEW)
        self.assertEqual([error["code"] for error in walked.errors], ["part_timed_out"])
        self.assertEqual(walked.names, ["practice", "today", "revenue", "messages"])

    def test_a_practice_sees_its_own_rows_cached_or_not(self):
        for practice in (self.north, self.south, self.north, self.south):
            client = self.client_of(practice)
            walked = walk(client, NEW)
            self.assertEqual(walked.parts["practice"]["name"], practice.name)
            self.assertEqual(walked.parts, client.get(OLD).json())

    def test_a_cursor_of_one_practice_does_not_open_another(self):
        cursor = self.client_of(self.north).get(NEW).json()["cursor"]
        refused = self.client_of(self.south).get(NEW, {"cursor": cursor})
        self.assertEqual(refused.status_code, 400)
        self.assertEqual(refused.json()["code"], "invalid_cursor")

    def test_a_walk_without_a_token_is_401(self):
        self.assertEqual(Client().get(NEW).status_code, 401)

    def test_a_part_in_another_thread_is_in_the_practice_too(self):
        timed = mock.patch.object(
            overview.ProgressiveOverviewView,
            "get_today",
            with_timeout(overview.ProgressiveOverviewView.get_today, 5),
        )
        client = self.client_of(self.south)
        with timed:
            self.assertEqual(walk(client, NEW).parts, client.get(OLD).json())


class ChecksTest(SimpleTestCase):
    def test_the_thread_local_that_nothing_carries_is_named(self):
        from django.core import checks

        with override_settings(PARTSTREAM={"TENANCY": "clinic.tenancy.Tenancy"}):
            (warning,) = checks.run_checks()
        self.assertEqual(warning.id, "partstream.W005")
        self.assertIn("clinic.tenancy._state", warning.msg + warning.hint)

    def test_the_project_as_it_is_has_no_warning(self):
        call_command("check", fail_level="WARNING")
