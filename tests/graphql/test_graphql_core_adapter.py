"""The facts about graphql-core on which ``partstream_graphql._graphql_core`` relies."""

import asyncio

import graphene
import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLInt,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    GraphQLSyntaxError,
    ValidationRule,
    execute,
    parse,
    validate,
)

from partstream_graphql import _graphql_core as adapter
from partstream_graphql._sub_fields import selected_fields
from tests.graphql.upstream import Facts, attributes, imported, modules

check = Facts("graphql-core", adapter, "3.2.12, 3.2.14 and 3.3.2").check

INNER = GraphQLObjectType(
    "Inner",
    {
        "a": GraphQLField(
            GraphQLInt,
            args={
                "camelCase": GraphQLArgument(GraphQLInt, default_value=7, out_name="snake_case"),
                "other": GraphQLArgument(GraphQLNonNull(GraphQLInt), default_value=0),
            },
        ),
        "b": GraphQLField(GraphQLString),
    },
)


def field_of(query, variables=None, type_=INNER, resolve=None):
    """Execute *query* on ``Query { inner }``; return the info of ``inner`` and the result."""
    infos = []

    def inner(root, info):
        infos.append(info)
        return resolve(root, info) if resolve else {}

    root = GraphQLObjectType("Query", {"inner": GraphQLField(type_, resolve=inner)})
    result = execute(GraphQLSchema(root), parse(query), variable_values=variables)
    return infos[0], result


@pytest.mark.parametrize(
    ("query", "variables", "arguments"),
    [
        ("{ inner { a } }", {}, {"snake_case": 7, "other": 0}),
        ("{ inner { a(camelCase: 1) } }", {}, {"snake_case": 1, "other": 0}),
        (
            "query ($n: Int) { inner { a(camelCase: $n) } }",
            {"n": 2},
            {"snake_case": 2, "other": 0},
        ),
        (
            "query ($n: Int = 3) { inner { a(camelCase: $n) } }",
            {},
            {"snake_case": 3, "other": 0},
        ),
    ],
    ids=["default", "literal", "variable", "default of a variable"],
)
def test_graphql_core_reads_the_arguments_of_a_field_for_a_caller(query, variables, arguments):
    info, _ = field_of(query, variables)
    ((_, _, nodes),) = selected_fields(info, INNER, info.field_nodes)
    found = adapter.arguments_of(INNER.fields["a"], nodes[0], info)
    fact = "get_argument_values(field, node, info.variable_values) has values by Python name"
    check("arguments_of", fact, found == arguments)


def test_graphql_core_refuses_null_for_an_argument_that_must_not_be_null():
    info, _ = field_of("query ($n: Int) { inner { a(other: $n) } }", {"n": None})
    ((_, _, nodes),) = selected_fields(info, INNER, info.field_nodes)
    with pytest.raises(GraphQLError, match="'other'"):
        adapter.arguments_of(INNER.fields["a"], nodes[0], info)


@pytest.mark.parametrize(("text", "count"), [("{ a }", 0), ("{ a(b: 1, c: 2) }", 2)])
def test_graphql_core_parses_arguments_to_a_list_or_to_nothing(text, count):
    node = parse(text).definitions[0].selection_set.selections[0]
    fact = "FieldNode.arguments is a sequence, or None"
    check("argument_nodes", fact, len(adapter.argument_nodes(node)) == count)


def test_an_info_of_graphql_core_is_a_named_tuple():
    info, _ = field_of("{ inner { x: b } }")
    ((_, key, nodes),) = selected_fields(info, INNER, info.field_nodes)
    made = adapter.info_for(info, INNER, "b", key, nodes)
    wanted = ("b", nodes, INNER, ["inner", "x"], GraphQLString, info.context, info.schema)
    found = (
        *(made.field_name, made.field_nodes, made.parent_type, made.path.as_list()),
        *(made.return_type, made.context, made.schema),
    )
    fact = "GraphQLResolveInfo is a named tuple whose path can be lengthened by add_key()"
    check("info_for", fact, found == wanted and isinstance(made, GraphQLResolveInfo))


def recording_type(base, calls, **options):
    """A leaf type that records the methods by which execution asks for an output value."""

    class Recording(base):
        pass

    for name in ("serialize", "coerce_output_value"):
        if hasattr(base, name):

            def called(self, value, name=name):
                calls.append(name)
                return getattr(base, name)(self, value)

            setattr(Recording, name, called)
    return Recording(**options)


def test_execution_asks_an_enum_for_its_output_value_as_the_adapter_does():
    calls = []
    color = recording_type(GraphQLEnumType, calls, name="Color", values={"RED": 1})
    _, result = field_of("{ inner }", type_=color, resolve=lambda root, info: 1)
    asked = calls.copy()
    calls.clear()
    output = adapter.output_of(color, 1)
    fact = "a leaf value is completed by serialize() in 3.2, by coerce_output_value() in 3.3"
    check("output_of", fact, (result.data, output) == ({"inner": "RED"}, "RED"))
    check("output_of", fact, asked[0] == calls[0])


def test_execution_asks_a_scalar_for_its_output_value_as_the_adapter_does():
    shout = GraphQLScalarType("Shout", serialize=lambda value: f"{value}!")
    _, result = field_of("{ inner }", type_=shout, resolve=lambda root, info: "a")
    fact = "a scalar that was made with serialize= is completed by it"
    check("output_of", fact, result.data == {"inner": adapter.output_of(shout, "a")})


def test_the_message_of_graphql_core_tells_too_many_tokens_from_a_mistake():
    with pytest.raises(GraphQLSyntaxError) as cut_off:
        parse("{ a b c }", max_tokens=3)
    with pytest.raises(GraphQLSyntaxError) as mistaken:
        parse("{ a b c", max_tokens=99)
    fact = "the message says 'more than N tokens'"
    check("was_cut_off", fact, adapter.was_cut_off(cut_off.value, 3))
    check("was_cut_off", fact, not adapter.was_cut_off(mistaken.value, 99))


def test_a_document_of_graphql_core_has_its_number_of_tokens():
    for text, count in [("{ a }", 3), ("{ a(b: [1, 2]) }", 11), ("{ a # comment\n }", 4)]:
        fact = "parse() counts the tokens of a document, comments included"
        check("tokens_of", fact, adapter.tokens_of(parse(text)) == count)


@pytest.mark.parametrize(
    ("argument", "count"), [("1", 1), ("$v", 2), ("[1, 2]", 3), ("{c: [$d]}", 6), ('"a"', 1)]
)
def test_a_node_of_graphql_core_names_the_nodes_in_it(argument, count):
    (definition,) = parse(f"{{ a(b: {argument}) }}").definitions
    (field,) = definition.selection_set.selections
    fact = "Node.keys names the attributes of a node that are nodes"
    check("count_nodes", fact, adapter.count_nodes(field.arguments) == 2 + count)


def test_a_rule_of_graphql_core_may_end_the_validation():
    ran = []

    class First(ValidationRule):
        def enter_document(self, node, *_):
            adapter.abort_validation(self, GraphQLError("Too much.", extensions={"a": 1}))

    class Second(ValidationRule):
        def enter_field(self, node, *_):
            ran.append(node)

    schema = GraphQLSchema(GraphQLObjectType("Query", {"a": GraphQLField(GraphQLInt)}))
    errors = validate(schema, parse("{ a }"), [First, Second], 10)
    fact = "validate() ends with a ValidationAbortedError that a rule raises"
    check("abort_validation", fact, [error.message for error in errors] == ["Too much."])
    check("abort_validation", fact, errors[0].extensions == {"a": 1} and not ran)


def raising(root, info):
    raise GraphQLError("Told.")


def returning(root, info):
    return GraphQLError("Told.")


class Color(graphene.Enum):
    RED = 1


@pytest.mark.parametrize(
    ("type_", "resolve", "internal"),
    [
        (GraphQLInt, raising, False),
        (GraphQLInt, returning, False),
        (GraphQLInt, lambda root, info: "no number", True),
        (GraphQLNonNull(GraphQLInt), lambda root, info: "no number", True),
        (GraphQLEnumType("E", {"RED": 1}), lambda root, info: 2, True),
        (
            graphene.Schema(types=[Color]).graphql_schema.type_map["Color"],
            lambda root, info: "BLUE",
            True,
        ),
    ],
    ids=["raised", "returned", "no number", "no number, not null", "no enum", "graphene's enum"],
)
def test_the_frames_of_graphql_core_tell_a_completion_from_a_resolver(type_, resolve, internal):
    _, result = field_of("{ inner }", type_=type_, resolve=resolve)
    (error,) = result.errors
    fact = "complete_value() raises what a resolver returns, and deeper frames of graphql the rest"
    cause = error.original_error
    check("is_from_completion", fact, isinstance(cause, GraphQLError))
    check("is_from_completion", fact, adapter.is_from_completion(cause) is internal)


def test_the_frames_of_an_execution_are_of_a_package_of_graphql_core():
    async def later(root, info):
        await asyncio.sleep(0)
        return "inside" if adapter.is_executing() else "lost"

    def now(root, info):
        return "inside" if adapter.is_executing() else "lost"

    async def awaited():
        return (await field_of("{ inner }", type_=GraphQLString, resolve=later)[1]).data

    fact = "the package graphql.execution calls and awaits resolvers"
    _, result = field_of("{ inner }", type_=GraphQLString, resolve=now)
    check("is_executing", fact, result.data == {"inner": "inside"})
    check("is_executing", fact, asyncio.run(awaited()) == {"inner": "inside"})
    assert not adapter.is_executing()


def test_only_the_adapters_import_modules_of_graphql_core():
    for path, tree in modules():
        if path not in ("_graphql_core.py", "_sub_fields.py"):
            assert set(imported(tree, "graphql")) <= {"graphql"}, path


def test_only_the_adapter_replaces_the_fields_of_an_info():
    users = [path for path, tree in modules() if "_replace" in attributes(tree)]
    assert users == ["_graphql_core.py"]
