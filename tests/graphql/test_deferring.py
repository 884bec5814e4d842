"""Increments that are merged equal the plain execution of a query; each field is resolved once."""

import asyncio
from collections import Counter
from inspect import isawaitable

import pytest
from graphql import build_schema, execute, parse
from graphql.execution import collect_fields
from hypothesis import given
from hypothesis import strategies as st

if not hasattr(collect_fields, "collect_sub_fields"):
    pytest.skip("Nothing is deferred with graphql-core 3.3.", allow_module_level=True)

from partstream_graphql._sub_fields import execute_document
from partstream_graphql.deferral import Deferral
from partstream_graphql.deferring import DeferringExecutor
from tests.graphql.multipart import merge
from tests.properties import examples

SCHEMA = build_schema("""
    directive @defer(if: Boolean! = true, label: String) on FRAGMENT_SPREAD | INLINE_FRAGMENT
    interface Row { id: Int  name: String!  row: Row  rows: [Row!]  bad: Int  worse: Int! }
    type Small implements Row {
      id: Int  name: String!  row: Row  rows: [Row!]  bad: Int  worse: Int!  small: Int
    }
    type Large implements Row {
      id: Int  name: String!  row: Row  rows: [Row!]  bad: Int  worse: Int!  large(n: Int): Int
    }
    type Query { row: Row  rows: [Row]  must: Row!  n: Int }
""")


def row(kind, *rows):
    made = {"__typename": kind, "id": len(rows), "name": kind, "small": 2, "rows": list(rows)}
    return {**made, "row": rows[0] if rows else None}


LEAF = row("Small")
TREE = row("Large", row("Small", LEAF), row("Large", LEAF, LEAF))
ROOT = {"row": TREE, "rows": [TREE, None, LEAF], "must": TREE, "n": 1}


class Resolving:
    """Resolves fields of rows, those named in *later* in a coroutine; counts them by path."""

    def __init__(self, later=()):
        self.later, self.counts = later, Counter()

    def __call__(self, source, info, **arguments):
        self.counts[tuple(info.path.as_list())] += 1
        if info.field_name in self.later:
            return self.awaited(source, info.field_name, arguments)
        return self.value(source, info.field_name, arguments)

    async def awaited(self, source, name, arguments):
        await asyncio.sleep(0)
        return self.value(source, name, arguments)

    def value(self, source, name, arguments):
        if name in ("bad", "worse"):
            raise ValueError(name)
        return arguments.get("n", 0) if name == "large" else source[name]


def type_of(value, info, type_):
    return value["__typename"]


def run(text, variables=None, *, later=(), executor=None):
    resolving = Resolving(later)
    result = execute_document(
        SCHEMA,
        parse(text),
        executor=executor,
        root_value=ROOT,
        variable_values=variables,
        field_resolver=resolving,
        type_resolver=type_of,
    )
    return finish(result), resolving.counts


def finish(result):
    return asyncio.run(awaited(result)) if isawaitable(result) else result


async def awaited(value):
    return await value


def copied(data):
    if isinstance(data, dict):
        return {key: copied(value) for key, value in data.items()}
    return [copied(item) for item in data] if isinstance(data, list) else data


class Incremental:
    """The increments of a query, merged: *data*, *errors*, *failed* and the *sent* fragments."""

    def __init__(self, text, variables=None, *, later=(), most=50):
        self.deferral = deferral = Deferral(most=most)
        executor = DeferringExecutor(deferral)
        result, self.counts = run(text, variables, later=later, executor=executor)
        self.data, self.errors = copied(result.data), list(result.errors or ())
        self.first = copied(result.data)
        self.announced, self.sent, self.most = [], [], 0
        self.failed = result.data is None
        self._take(deferral.start(result.data))
        self._take(deferral.completed())
        while group := deferral.next_group():
            done = finish(deferral.run(group))
            self._take(deferral.finished(group, done.data, done.errors or []))
        assert deferral.is_complete
        assert deferral.room == most

    def _take(self, step):
        self.announced += step.announced
        for one in step.sent:
            assert one.fragment in self.announced
            self.sent.append((one.fragment.keys, copied(one.data)))
            self.errors += one.errors
            if one.data is None:
                self.failed = True
                continue
            at = self.data
            for key in one.fragment.keys:
                at = at[key]
            merge(at, copied(one.data))
        self.most = max(self.most, len(self.announced) - len(self.sent))


def paths(errors):
    return sorted(tuple(map(str, error.path)) for error in errors)


LEAVES = ["id", "name", "__typename", "x: name", "... on Small { small }", "...A", "...B"]
LEAVES += ["...A @defer", "...C @defer", "... on Large @defer { large(n: 2) }"]
LEAVES += [
    "id @skip(if: $yes)",
    "... @defer(if: $yes) { id x: name }",
    "... @include(if: $yes) { id }",
]
LEAVES += ["...B @defer @skip(if: $yes)", "...B @defer(if: false)"]
FRAGMENTS = """
    fragment A on Large { large(n: 2) name rows { name ... @defer { id } } }
    fragment B on Row { rows { id ...C } ... @defer { row { name } } }
    fragment C on Row { name row { id ... on Small @defer { small } } }
"""
FORMS = [
    "{0} rows {{ {1} }}",
    "{0} row {{ {1} }}",
    "{0} ... @defer {{ {1} }}",
    "... @defer {{ {0} rows {{ {1} }} }}",
]
FORMS += [
    "... @defer {{ {0} }} ... @defer {{ {1} {0} }}",
    "rows {{ {0} }} ... @defer {{ rows {{ {1} }} }}",
]
LATER = st.sets(st.sampled_from(["id", "name", "rows", "row", "small"]))


def selections(leaves):
    level = st.lists(st.sampled_from(leaves), min_size=1, max_size=3).map(" ".join)

    def deeper(inside):
        return st.builds(str.format, st.sampled_from(FORMS), inside, inside)

    return st.recursive(level, deeper, max_leaves=5)


def document(fields, more):
    return (
        f"query ($yes: Boolean = true) {{ n row {{ {fields} }} ... @defer {{ rows {{ {more} }} }}"
        f" ... @defer {{ row {{ {more} }} }} }} {FRAGMENTS}"
    )


@examples(200)
@given(selections(LEAVES), selections(LEAVES), LATER, st.booleans(), st.integers(0, 50))
def test_merged_increments_equal_the_plain_execution(fields, more, later, yes, most):
    text = document(fields, more)
    plain, counts = run(text, {"yes": yes})
    assert plain.errors is None
    found = Incremental(text, {"yes": yes}, later=later, most=most)
    assert found.data == plain.data
    assert (found.errors, found.counts) == ([], counts)
    assert found.most <= most


@examples(200)
@given(selections([*LEAVES, "bad", "worse"]), selections([*LEAVES, "worse"]))
def test_increments_with_errors_hold_all_of_the_plain_execution_that_did_not_fail(fields, more):
    text = document(fields, more)
    plain, _ = run(text, {"yes": True})
    found = Incremental(text, {"yes": True})
    if found.failed:
        assert agrees(plain.data, found.data)
    else:
        assert found.data == plain.data
        assert paths_in(found.data, found.errors) == paths_in(plain.data, plain.errors or ())
    assert all(count == 1 for count in found.counts.values())


def paths_in(data, errors):
    """The paths of the *errors* that did not null what is around them in *data*."""
    return sorted(map(str, (error.path for error in errors if holds(data, error.path[:-1]))))


def holds(data, path):
    for key in path:
        data = data[key]
        if data is None:
            return False
    return True


def agrees(plain, merged):
    """Whether *merged* is *plain*, where neither lacks a value."""
    if plain is None or merged is None:
        return True
    if isinstance(plain, dict):
        return all(agrees(value, merged.get(key)) for key, value in plain.items())
    if isinstance(plain, list):
        return all(agrees(*pair) for pair in zip(plain, merged, strict=True))
    return plain == merged


class TestWhatIsSent:
    def test_a_fragment_has_all_its_fields_also_those_that_were_sent_before(self):
        """A client such as Relay finds an item of a list by its id."""
        text = "{ row { rows { id } ... @defer { rows { id name } } } }"
        found = Incremental(text)
        rows = [{"id": 1, "name": "Small"}, {"id": 2, "name": "Large"}]
        assert found.first == {"row": {"rows": [{"id": 1}, {"id": 2}]}}
        assert found.sent == [(["row"], {"rows": rows})]

    def test_a_fragment_has_nothing_of_the_fragments_inside_it(self):
        found = Incremental("{ ... @defer { n row { id ... @defer { name } } } }")
        assert found.sent == [([], {"n": 1, "row": {"id": 2}}), (["row"], {"name": "Large"})]

    @pytest.mark.parametrize(
        "text", ["... @defer { ...F } ...F", "...F ... @defer { ...F }", "...F @defer ...F"]
    )
    def test_a_fragment_that_is_spread_twice_is_sent_at_once_and_later(self, text):
        found = Incremental(f"{{ {text} }} fragment F on Query {{ n }}")
        assert found.first == {"n": 1}
        assert found.sent == [([], {"n": 1})]

    def test_a_field_of_a_fragment_and_of_one_inside_it_comes_with_the_outer(self):
        found = Incremental("{ ... @defer { ... @defer { n } row { id } n } }")
        assert found.sent == [([], {"n": 1, "row": {"id": 2}}), ([], {"n": 1})]

    def test_a_fragment_without_fields_of_its_own_is_sent(self):
        assert Incremental("{ n ... @defer { n } }").sent == [([], {"n": 1})]

    def test_a_field_of_two_fragments_is_in_both_and_resolved_once(self):
        found = Incremental("{ ... @defer { n } ... @defer { n row { id } } }")
        assert found.sent == [([], {"n": 1}), ([], {"n": 1, "row": {"id": 2}})]
        assert set(found.counts.values()) == {1}

    def test_a_fragment_has_its_fields_in_the_order_of_the_document(self):
        ((_, data),) = Incremental("{ row { ... @defer { name row { id } id } } }").sent
        assert list(data) == ["name", "row", "id"]

    def test_a_fragment_is_pending_at_each_item_of_a_list(self):
        found = Incremental("{ rows { ... @defer { name } } }")
        assert [keys for keys, _ in found.sent] == [["rows", 0], ["rows", 2]]

    def test_a_fragment_of_another_type_is_not_pending(self):
        assert Incremental("{ row { id ... on Small @defer { small } } }").announced == []

    def test_a_label_is_announced_with_its_fragment(self):
        (fragment,) = Incremental('{ n ... @defer(label: "x") { row { id } } }').announced
        assert fragment.label == "x"


class TestErrors:
    def test_an_error_of_a_nullable_field_leaves_its_fragment(self):
        found = Incremental("{ row { id ... @defer { name bad } } }")
        assert found.sent == [(["row"], {"name": "Large", "bad": None})]
        assert paths(found.errors) == [("row", "bad")]

    @pytest.mark.parametrize("later", [(), ("worse",)], ids=["sync", "async"])
    def test_an_error_of_a_non_null_field_stops_at_its_fragment(self, later):
        found = Incremental("{ row { id ... @defer { name worse } } }", later=later)
        assert found.first == {"row": {"id": 2}}
        assert found.sent == [(["row"], None)]
        assert paths(found.errors) == [("row", "worse")]

    @pytest.mark.parametrize("later", [(), ("worse",)], ids=["sync", "async"])
    def test_fragments_below_a_place_that_was_nulled_are_never_announced(self, later):
        text = "{ n row { row { ... @defer { id } } worse } }"
        found = Incremental(text, later=later)
        assert (found.first, found.announced) == ({"n": 1, "row": None}, [])

    @pytest.mark.parametrize("later", [(), ("worse",)], ids=["sync", "async"])
    def test_a_response_that_was_nulled_has_no_fragments(self, later):
        found = Incremental("{ must { worse ... @defer { id } } }", later=later)
        assert (found.first, found.announced) == (None, [])

    def test_fragments_inside_a_failed_fragment_are_never_announced(self):
        text = "{ row { ... @defer { worse row { ... @defer { id } } ... @defer { name } } } }"
        found = Incremental(text)
        assert [fragment.keys for fragment in found.announced] == [["row"]]

    def test_a_fragment_beside_a_failed_fragment_is_sent(self):
        found = Incremental("{ row { ... @defer { id worse } ... @defer { id name } } }")
        assert sorted(found.sent, key=str) == [
            (["row"], None),
            (["row"], {"id": 2, "name": "Large"}),
        ]


class TestTheBound:
    def test_fragments_beyond_the_bound_are_inline(self):
        found = Incremental("{ rows { id ... @defer { name } } }", most=1)
        assert [keys for keys, _ in found.sent] == [["rows", 0]]
        assert found.first["rows"][2] == {"id": 0, "name": "Small"}

    def test_fragments_that_double_at_each_level_end(self):
        """2 to the power of 40 of them, if each were looked at."""
        levels = 40
        text = " ".join(
            f"fragment F{n} on Query {{ ...F{n + 1} @defer ...F{n + 1} @defer }}"
            for n in range(levels)
        )
        found = Incremental(f"{{ ...F0 }} {text} fragment F{levels} on Query {{ n }}")
        assert found.data == {"n": 1}
        assert 0 < len(found.announced) <= 50

    def test_room_comes_back_when_a_fragment_was_sent(self):
        text = "{ ... @defer { row { rows { ... @defer { row { ... @defer { id } } } } } } }"
        found = Incremental(text, most=1)
        assert found.data == run(text)[0].data
        assert found.most == 1


def test_a_plain_execution_is_that_of_graphql_core():
    text = document("id ...B @defer", "name ... @defer { id }")
    theirs = execute(SCHEMA, parse(text), ROOT, field_resolver=Resolving(), type_resolver=type_of)
    assert run(text)[0].data == theirs.data
