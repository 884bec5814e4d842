"""Walks over REST requests lose and repeat no part, though parts come, go and fail between pages."""

from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from django_partstream import ProgressiveView, lazy, safe_call
from django_partstream.exceptions import PartTimeout
from tests.properties import examples

ENDS = {
    "value": ("ok", lambda request: {"x": 1}),
    "raises": ("error", lambda request: 1 / 0),
    "late": ("timeout", lambda request: (_ for _ in ()).throw(PartTimeout(1))),
    "bad json": ("error", lambda request: {1: object()}),
    "falls back": ("ok", safe_call(lambda request: 1 / 0, fallback=0)),
}


class Changing(ProgressiveView):
    response: list[tuple[str, str]] = []
    size = 2

    @property
    def chunk_size(self) -> Any:  # type: ignore[override]
        return self.size

    def get_parts(self):
        return [(name, lazy(ENDS[end][1])) for name, end in self.response]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@examples(60)
@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[a-fü]([a-fü ]{0,3}[a-fü])?", fullmatch=True),
            st.sampled_from(sorted(ENDS)),
        ),
        unique_by=lambda part: part[0],
        max_size=9,
    ),
    st.integers(1, 5),
    st.data(),
)
def test_a_rest_walk_delivers_each_part_that_stays_once_and_ends(serve, parts, size, data):
    client: Client = serve(Changing)
    Changing.response, Changing.size = list(parts), size
    steady = data.draw(st.sets(st.sampled_from(parts))) if parts else set()
    delivered, url, fresh = [], "/", 0
    for _ in range(60):
        response = client.get(url)
        page = response.json()
        if response.status_code == 410:
            assert page["code"] == "cursor_stale"
            return
        assert response.status_code == 200
        failed = {error["part"] for error in page.get("errors", ())}
        for result in page["results"]:
            ((name, value),) = result.items()
            delivered.append(name)
            status, _ = ENDS[dict(Changing.response)[name]]
            assert (name in failed) == (status != "ok")
            assert (value is None) == (name in failed)
        assert page["meta"]["current_chunk_size"] == len(page["results"]) <= size
        assert page["meta"]["has_more"] == (page["cursor"] is not None)
        if page["cursor"] is None:
            break
        url = f"/?cursor={page['cursor']}"
        changed = [part for part in Changing.response if part in steady or data.draw(st.booleans())]
        if fresh < 5 and data.draw(st.booleans()):
            fresh += 1
            changed.insert(data.draw(st.integers(0, len(changed))), (f"new{fresh}", "value"))
        Changing.response = changed
    else:
        pytest.fail("the walk did not end")
    assert len(delivered) == len(set(delivered))
    stayed = [name for name, end in parts if (name, end) in steady]
    assert [name for name in delivered if name in stayed] == stayed
