"""The header ``Partstream-Have`` as it is read: whatever a client sends is no error."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_partstream.parts import MAX_NAME_LENGTH, PlanError, check_name
from partstream_rest.unchanged import MAX_LENGTH, read_tags
from tests.rest.having import answer, have, page, tags_of
from tests.rest.streaming import view_of

TAG = "AbCd-123_xyz0987"


def is_name(text):
    try:
        return bool(check_name(text))
    except PlanError:
        return False


names = st.text(max_size=20).filter(is_name)
tags = st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True)


@pytest.mark.parametrize(
    ("header", "read"),
    [
        (f'orders="{TAG}"', {"orders": TAG}),
        (f'a="{TAG}",b="x"', {"a": TAG, "b": "x"}),
        (f' \ta="{TAG}" ,\t b="x"\t', {"a": TAG, "b": "x"}),
        (f',, a="{TAG}", ,', {"a": TAG}),
        (f'caf%C3%A9="{TAG}"', {"café": TAG}),
        (f'caf%c3%a9="{TAG}"', {"café": TAG}),
        (f'a%20b%22%3D%25="{TAG}"', {'a b"=%': TAG}),
        (f'it\'s-(a)/name!~*.+&|^`#$="{TAG}"', {"it's-(a)/name!~*.+&|^`#$": TAG}),
        ("", {}),
        (" , ,\t", {}),
    ],
)
def test_a_header_that_keeps_the_rules_has_its_tags(header, read):
    assert read_tags(header) == read


MALFORMED = {
    "no tag": "orders",
    "no equals sign": 'orders"x"',
    "no quotes": f"orders={TAG}",
    "an empty tag": 'orders=""',
    "no name": f'="{TAG}"',
    "a weak tag": f'orders=W/"{TAG}"',
    "a tag that is no base64url": 'orders="a b"',
    "no comma": f'a="{TAG}" b="{TAG}"',
    "a semicolon": f'a="{TAG}"; b="{TAG}"',
    "a blank inside": f'orders = "{TAG}"',
    "an open quote": f'orders="{TAG}',
    "raw UTF-8": f'café="{TAG}"',
    "UTF-8 as WSGI reads it": f'cafÃ©="{TAG}"',
    "octets that are no UTF-8": f'caf%E9="{TAG}"',
    "a percent sign alone": f'100%="{TAG}"',
    "a name twice": f'a="{TAG}", a="{TAG}"',
    "a name twice, spelled otherwise": f'a="{TAG}", %61="x"',
    "a NUL": f'a="{TAG}", \x00b="x"',
    "an end of line": f'a="{TAG}"\r\nX: y',
    "an end of line at the end": f'a="{TAG}"\n',
    "a star": "*",
    "an entity tag": f'"{TAG}"',
    "JSON": f'{{"a": "{TAG}"}}',
}


@pytest.mark.parametrize("header", MALFORMED.values(), ids=MALFORMED)
def test_a_header_that_breaks_a_rule_has_no_tags(header):
    assert read_tags(header) == {}


@given(st.text())
def test_any_text_is_read(header):
    assert isinstance(read_tags(header), dict)


@given(st.dictionaries(names, tags, max_size=8))
def test_each_name_and_tag_is_read_as_it_was_sent(sent):
    assert read_tags(have(sent)) == sent


@given(names)
def test_a_name_may_be_encoded_as_a_browser_encodes_it(name):
    assert read_tags(f'{quote(name, safe="!~*()" + chr(39))}="x"') == {name: "x"}


def test_a_header_is_read_up_to_its_limit():
    shortest = "".join([f'{number:04x}="x",' for number in range(MAX_LENGTH // 9)])
    assert len(read_tags(shortest)) == MAX_LENGTH // 9 > 900
    assert read_tags(shortest.ljust(MAX_LENGTH)) == read_tags(shortest)
    assert read_tags(shortest.ljust(MAX_LENGTH + 1)) == {}


def test_the_names_and_tags_of_many_parts_fit_into_a_header():
    assert len(have({f"part_{number:05}": TAG for number in range(260)})) <= MAX_LENGTH
    assert len(have({"\U0001f600" * MAX_NAME_LENGTH: TAG})) <= MAX_LENGTH


@pytest.mark.parametrize(
    "filler", [" ", "\t", ",", '"', "=", "a", "%", "%61", 'a="x" ', '%61="x",']
)
def test_a_long_header_that_nearly_keeps_the_rules_is_read_at_once(filler):
    """A pattern that tries other ways would take longer than a test may."""
    text = (filler * MAX_LENGTH)[: MAX_LENGTH - 1]
    for header in (f"{text}\0", f'a="x",{text}'[:MAX_LENGTH], text):
        assert not read_tags(header) or filler in (" ", "\t", ",")


class TestTheAnswer:
    @pytest.fixture
    def site(self, serve):
        return serve(view_of(("orders", [1]), ("café", [2])))

    def full(self, site):
        return {"results": [{"orders": [1]}, {"café": [2]}], "etags": tags_of(site)}

    def told(self, answered):
        return {key: answered[key] for key in ("results", "etags", "unchanged") if key in answered}

    @pytest.mark.parametrize("header", MALFORMED.values(), ids=MALFORMED)
    def test_a_malformed_header_gets_all_values_and_their_tags(self, site, header):
        got = answer(site, header=header)
        assert got.status_code == 200
        assert self.told(got.json()) == self.full(site)

    def test_a_header_of_60_kB_gets_all_values(self, site):
        tags = tags_of(site)
        for more in ({f"part_{n}": TAG for n in range(2_000)}, {"x" * 60_000: TAG}):
            assert self.told(page(site, tags={**tags, **more})) == self.full(site)

    def test_names_that_the_response_does_not_have_are_passed_over(self, site):
        tags = {**tags_of(site), "gone": TAG, "__class__": TAG}
        assert page(site, tags=tags)["unchanged"] == ["orders", "café"]

    def test_the_tag_of_another_part_is_none_of_its_own(self, serve):
        site = serve(view_of(("a", []), ("b", [])))
        tags = tags_of(site)
        assert tags["a"] != tags["b"]
        assert "unchanged" not in page(site, tags={"a": tags["b"], "b": tags["a"]})

    def test_a_header_that_came_twice_is_a_list(self, site):
        one, other = [have({name: tag}) for name, tag in tags_of(site).items()]
        assert page(site, header=f"{one},{other}")["unchanged"] == ["orders", "café"]
        assert self.told(page(site, header=f"{one},{one}")) == self.full(site)

    def test_a_tag_in_other_letters_is_another(self, site):
        tags = {name: tag.swapcase() for name, tag in tags_of(site).items()}
        assert self.told(page(site, tags=tags)) == self.full(site)
