"""The facts about graphql-core 3.2 on which executions that defer rely."""

import inspect

import graphql
import pytest
from graphql import build_schema, execute, parse
from graphql.execution import collect_fields

if not hasattr(graphql, "ExecutionContext"):
    pytest.skip("Nothing is deferred with graphql-core 3.3.", allow_module_level=True)

from partstream_graphql import _graphql_core as adapter
from partstream_graphql.directives import defer_directives
from tests.graphql.upstream import Facts

check = Facts("graphql-core", adapter, "3.2.12 and 3.2.14").check

SCHEMA = build_schema("""
    interface Row { a: Int }
    type Small implements Row { a: Int  b: Row }
    type Large implements Row { a: Int }
    type Query { row: Row  small: Small  n: Int! }
""")
SMALL = SCHEMA.get_type("Small")


def first_node(text):
    (definition, *_) = parse(text).definitions
    return definition.selection_set.selections[0]


@pytest.mark.parametrize(
    ("text", "included"),
    [
        ("{ a }", True),
        ("{ a @skip(if: $yes) }", False),
        ("{ ... @include(if: $yes) { a } }", True),
        ("{ ...F @include(if: $no) }", False),
        ("{ a @include(if: $yes) @skip(if: $yes) }", False),
    ],
)
def test_graphql_core_decides_about_skip_and_include(text, included):
    found = adapter.is_included(first_node(text), {"yes": True, "no": False})
    check("is_included", "should_include_node(variables, node)", found is included)


@pytest.mark.parametrize(
    ("condition", "applies"),
    [("", True), ("on Small", True), ("on Row", True), ("on Large", False)],
)
def test_graphql_core_decides_about_type_conditions(condition, applies):
    node = first_node(f"{{ ... {condition} {{ a }} }}")
    found = adapter.fragment_applies(SCHEMA, node, SMALL)
    fact = "does_fragment_condition_match(schema, fragment, type)"
    check("fragment_applies", fact, found is applies)


def test_graphql_core_reads_the_arguments_of_a_directive():
    defer = defer_directives()[-1]
    node = first_node('{ ... @defer(if: $if, label: "x") { a } }')
    found = adapter.directive_of(defer, node, {"if": False})
    check("directive_of", "values of a directive by name", found == {"if": False, "label": "x"})
    without = adapter.directive_of(defer, first_node("{ ... { a } }"), {})
    check("directive_of", "None without the directive", without is None)


def test_an_execution_of_graphql_core_takes_the_steps_that_are_replaced():
    parameters = {
        "execute_operation": ["self", "operation", "root_value"],
        "collect_subfields": ["self", "return_type", "field_nodes"],
        "execute_fields": ["self", "parent_type", "source_value", "path", "fields"],
    }
    for name, expected in parameters.items():
        given = list(inspect.signature(getattr(adapter.Context, name)).parameters)
        check("Context", f"{name}({', '.join(expected)})", given == expected)
    assert collect_fields.get_field_entry_key(first_node("{ x: a }")) == "x"


def test_an_execution_of_graphql_core_can_be_copied_with_errors_of_its_own():
    """``execute_fields()`` of the copy collects its errors there, and ``build()`` makes it."""
    made = []

    class Own(adapter.Context):
        def execute_fields(self, *args):
            made.append(self)
            return super().execute_fields(*args)

    result = execute(
        SCHEMA, parse("{ small { a } }"), {"small": {"a": 1}}, execution_context_class=Own
    )
    assert result.data == {"small": {"a": 1}}
    errors = type(made[0].collected_errors)()
    check("Context", "collected_errors is made without arguments", errors.errors == [])
    check("Context", "sub-fields are executed by execute_fields()", len(made) == 2)
