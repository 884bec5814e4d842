from datetime import date

from archive.models import Document, Loan
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import call_command
from django.test import TestCase

from django_partstream.testing import part_fails, walk_connection

PARTS = """
  room
  documents(year_Gte: 1900, first: 10) { edges { node { title year } } }
  loans { due document { title } }
  terms
"""
OLD = f"{{ desk {{ {PARTS} }} }}"
NEW = f"""
query ($after: String) {{
  progressiveDesk(after: $after) {{
    pageInfo {{ hasNextPage endCursor }}
    edges {{ node {{ name status error {{ code }} {PARTS} }} }}
  }}
}}
"""


class DeskTest(TestCase):
    url = "/graphql/"

    def setUp(self):
        cache.clear()
        self.ann, self.bob = (User.objects.create_user(name) for name in ("ann", "bob"))
        self.eve = User.objects.create_user("eve", is_staff=True)
        for title, year, is_public in [("Harbour", 1910, True), ("Letters", 1920, False)]:
            document = Document.objects.create(
                title=title, year=year, is_public=is_public, owner=self.ann
            )
            Loan.objects.create(document=document, reader=self.ann, due=date(year, 12, 1))
        Document.objects.create(title="Census", year=1850, owner=self.ann)

    def old(self, user):
        self.client.force_login(user)
        answer = self.ask(OLD).json()
        self.assertNotIn("errors", answer)
        return answer["data"]["desk"]

    def walked(self, user):
        self.client.force_login(user)
        return walk_connection(self.client, NEW, url=self.url)

    def ask(self, query):
        return self.client.post(self.url, {"query": query}, "application/json")

    def test_each_reader_gets_what_the_field_from_before_gives(self):
        seen = {}
        for user in (self.ann, self.bob, self.eve):
            walked = self.walked(user)
            self.assertEqual(walked.parts, self.old(user))
            self.assertEqual(walked.errors, [])
            edges = walked.parts["documents"]["edges"]
            seen[user.username] = [edge["node"]["title"] for edge in edges]
        self.assertEqual(
            seen, {"ann": ["Harbour", "Letters"], "bob": ["Harbour"], "eve": ["Harbour", "Letters"]}
        )

    def test_a_field_for_staff_is_refused_in_its_place(self):
        self.client.force_login(self.bob)
        answer = self.ask(NEW.replace("title year", "title owner")).json()
        (error,) = answer["errors"]
        self.assertEqual(error["extensions"]["code"], "STAFF_ONLY")
        node = answer["data"]["progressiveDesk"]["edges"][1]["node"]
        self.assertEqual(
            node["documents"]["edges"], [{"node": {"title": "Harbour", "owner": None}}]
        )

    def test_a_server_that_is_down_gives_the_fallback(self):
        with part_fails("terms"):
            walked = self.walked(self.ann)
        self.assertEqual(walked.parts["terms"], [])
        self.assertEqual(walked.names, ["room", "documents", "loans", "terms"])

    def test_a_reader_who_has_not_signed_in_is_refused_by_the_view(self):
        answer = self.ask(NEW)
        self.assertEqual(answer.status_code, 401)
        self.assertEqual(answer.json(), {"errors": [{"message": "Sign in."}]})

    def test_the_project_has_no_warning(self):
        call_command("check", fail_level="WARNING")


class DeskOnTheViewFromBeforeTest(DeskTest):
    url = "/before/"
