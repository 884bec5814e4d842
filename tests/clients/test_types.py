"""The types of parts in TypeScript, which openapi-typescript makes of an OpenAPI schema."""

import json
import re
import shlex
import subprocess

import pytest
from django.core.management import call_command

from tests.documentation import ROOT, TYPES, blocks, commands, shop_with_types
from tests.tools import node_modules, npm

CLIENT = ROOT / "clients/js"
PATIENCE = 120

USER = """
import { follow, parts } from "partstream";
import type { Page } from "partstream";
import { useParts } from "partstream/react";
import type { components, paths } from "./schema";

type Schemas = components["schemas"];
type Dashboard = Schemas["DashboardParts"];
type Answer = paths["/api/dashboard/"]["get"]["responses"][200]["content"]["application/json"];

export async function load(): Promise<number> {
  for await (const part of parts<Dashboard>("/api/dashboard/", { first: ["overview"] })) {
    if (part.error) return part.error.reference.length;
    switch (part.name) {
      case "recent_orders":
        return part.value.map(({ id, total }) => id + Number(total.slice(1)))[0];
      case "sales_analytics":
        return part.value.conversion_rate ?? part.value.by_month[0].revenue;
      case "sales_forecast":
        return part.value.by_week.length;
      case "inventory_alerts":
        return part.value[0].price;
      case "overview":
        return new Date(part.value.timestamp).getTime();
      case "customer_insights":
        return part.value.churn_rate?.valueOf() ?? part.value.buyers;
      default:
        return part.value.orders_today; // no other part is left
    }
  }
  return 0;
}

export async function pages(pageAt: (cursor: string | null) => Promise<Answer>) {
  const page: Page<Partial<Dashboard>> = await pageAt(null);
  for await (const part of follow<Dashboard>(pageAt)) {
    if (part.name === "today_stats") part.value?.new_customers.toFixed();
  }
  return page.cursor;
}

export function orders(page: Schemas["DashboardPage"]) {
  const failed = page.errors?.filter(({ part }) => part === "recent_orders");
  return failed?.length ? [] : page.results.flatMap(({ recent_orders }) => recent_orders ?? []);
}

export function Board() {
  const { parts: came } = useParts<Dashboard>("/api/dashboard/");
  return came.flatMap((part) => (part.name === "recent_orders" ? (part.value ?? []) : []));
}
"""

#: Each line that ends in the word has an error, and no other line.
MISTAKEN = """
import { parts } from "partstream";
import type { components } from "./schema";

type Schemas = components["schemas"];
type Dashboard = Schemas["DashboardParts"];

export async function load() {
  for await (const part of parts<Dashboard>("/api/dashboard/")) {
    if (part.name === "recent_order") return; // mistaken
    if (part.name === "recent_orders" && !part.error) {
      part.value[0].id.toFixed();
      part.value[0].totl; // mistaken
      part.value[0].id.slice(1); // mistaken
      part.value.orders_today; // mistaken
    }
    if (part.name === "today_stats") part.value.orders_today; // mistaken
    if (part.name === "sales_analytics") part.value?.conversion_rate.toFixed(); // mistaken
  }
}

export function failed(page: Schemas["DashboardPage"]) {
  page.results[0].recent_orders?.length;
  page.results[0].orders; // mistaken
  page.results[0].overview.admin; // mistaken
  return page.errors?.filter(({ part }) => part === "orders"); // mistaken
}
"""


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    """
    Make the types of the project that is served, and compile a file that uses them.

    Return the lines of the errors, by number.
    """
    modules = node_modules(CLIENT)
    schema, types = [shlex.split(command) for command in commands(TYPES)[1:]]
    assert (schema[:3], types[:2]) == (
        ["python", "manage.py", "spectacular"],
        ["npx", "openapi-typescript"],
    )
    monkeypatch.chdir(tmp_path)

    def run(program, *arguments):
        npm("--version")  # so that a Node.js that is missing or too old is told
        return subprocess.run(
            [modules / ".bin" / program, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def compile_(code):
        call_command("spectacular", *schema[3:], "--validate")
        made = run("openapi-typescript", *types[2:])
        assert made.returncode == 0, made.stdout
        (tmp_path / "user.ts").write_text(code)
        options = {
            "strict": True,
            "noEmit": True,
            "target": "es2022",
            "module": "esnext",
            "moduleResolution": "bundler",
            "lib": ["es2023", "dom", "dom.iterable"],
            "types": [],
            "skipLibCheck": True,
            "paths": {
                "partstream": [str(CLIENT / "partstream.d.ts")],
                "partstream/*": [str(CLIENT / "*.d.ts")],
            },
        }
        config = {"compilerOptions": options, "files": ["user.ts"]}
        (tmp_path / "tsconfig.json").write_text(json.dumps(config))
        done = run("tsc", "--project", "tsconfig.json", "--pretty", "false")
        told = re.findall(r"^user\.ts\((\d+),", done.stdout, re.MULTILINE)
        assert (done.returncode == 0) is (not told), done.stdout
        return sorted({int(line) for line in told})

    return compile_


def test_a_front_end_of_the_example_compiles_with_the_types_of_its_parts(compiled):
    assert compiled(USER) == []


def test_a_wrong_name_or_field_in_a_front_end_is_an_error_of_the_compiler(compiled):
    lines = MISTAKEN.split("\n")
    mistaken = [number for number, line in enumerate(lines, 1) if line.endswith("// mistaken")]
    assert compiled(MISTAKEN) == mistaken


@pytest.mark.django_db
def test_the_typescript_of_the_page_on_types_compiles(compiled, monkeypatch, settings):
    shop_with_types(monkeypatch, settings)
    (code,) = blocks(TYPES, "ts")
    assert compiled(code) == []
    assert compiled(code.replace(".store", ".stores")) != []
