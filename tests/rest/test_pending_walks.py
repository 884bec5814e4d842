"""Whatever parts are pending, and for however long, each arrives once and the walk ends."""

from hypothesis import given
from hypothesis import strategies as st

from django_partstream import lazy
from tests.core.owed_walks import names
from tests.pending import names_of, pending_of, waiting
from tests.properties import examples

looks = st.one_of(st.just(0), st.integers(0, 4))

schedules = names.flatmap(lambda each: st.fixed_dictionaries(dict.fromkeys(each, looks)))

simulated = examples(60)


def view_of(needed, *, kinds, **attributes):
    """A view of parts that are plain functions, coroutines or failures, by turns of *kinds*."""

    def get_parts(self):
        async def awaits(request, name):
            return self.work.look(name)

        def fails(request, name):
            self.work.look(name)
            raise ValueError

        functions = {"plain": self.look, "awaits": awaits, "fails": fails}
        return [
            (name, lazy(functions[kinds[place % len(kinds)]], name))
            for place, name in enumerate(needed)
        ]

    return waiting(needed, get_parts=get_parts, **attributes)


kinds = st.lists(st.sampled_from(["plain", "awaits", "fails"]), min_size=1, max_size=4)


def walked(client, data, **query):
    """The names of parts by their arrival, where any page may be lost and asked for again."""
    had, cursor = [], None
    for _ in range(300):
        page = client.get("/", {**query, "cursor": cursor} if cursor else query).json()
        check(page)
        if data.draw(st.sampled_from([False, False, False, True]), label="lost"):
            continue
        had += names_of(page)
        cursor = page["cursor"]
        if cursor is None:
            return had
    raise AssertionError("the walk did not end")


def check(page):
    """Hold *page* to what each page promises."""
    meta = page["meta"]
    assert meta["has_more"] is (page["cursor"] is not None)
    assert meta["current_chunk_size"] == len(page["results"])
    assert meta["has_more"] or "pending" not in page
    assert page["results"] or "pending" in page or not meta["has_more"]
    assert not set(pending_of(page)) & set(names_of(page))
    for error in page.get("errors", ()):
        assert list(page["results"][error["index"]]) == [error["part"]]


def test_each_part_arrives_once_and_the_walk_ends(serve, caplog):
    caplog.set_level("CRITICAL")

    @simulated
    @given(st.data(), schedules, st.integers(1, 9), kinds, st.sampled_from([1, 3]))
    def walk(data, needed, chunk_size, kinds, concurrency):
        view = view_of(needed, kinds=kinds, chunk_size=chunk_size, concurrency=concurrency)
        assert sorted(walked(serve(view), data)) == sorted(needed)

    walk()


def test_each_chosen_part_arrives_once_though_cursors_are_short(serve, settings):
    settings.PARTSTREAM = {"MAX_CURSOR_LENGTH": 400}

    @simulated
    @given(st.data(), schedules, st.integers(1, 9))
    def walk(data, needed, chunk_size):
        client = serve(waiting(needed, chunk_size=chunk_size))
        chosen = data.draw(st.sets(st.sampled_from([*needed]), min_size=1)) if needed else set()
        had = walked(client, data, parts=",".join(sorted(chosen)))
        assert sorted(had) == sorted(chosen or needed)

    walk()
