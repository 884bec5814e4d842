"""The frames of a stream, to the byte."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_partstream.frames import NDJSON, EventStream, JSONLines

ERROR = {
    "part": "orders",
    "code": "part_failed",
    "message": "Line one\nline two\u2028three\u0085four.",
    "retryable": True,
    "reference": "0a1b2c3d",
}
WRITTEN_ERROR = (
    b'"error":{"part":"orders","code":"part_failed","message":"Line one\\nline two\\u2028three'
    b'\\u0085four.","retryable":true,"reference":"0a1b2c3d"}'
)
TIMING = {"ms": 12.5, "status": "ok", "cached": False}
META = {"total_parts": 6, "delivered": 6, "has_more": False}

events, lines = EventStream(), JSONLines()


def test_the_media_types_and_first_bytes_of_streams():
    assert (EventStream.media_type, events.opening) == ("text/event-stream", b"retry: 2000\n\n")
    assert (JSONLines.media_type, lines.opening) == ("application/jsonl", b" ")
    assert (NDJSON.media_type, NDJSON().opening) == ("application/x-ndjson", b" ")


def test_a_heartbeat_is_a_comment_or_a_blank():
    assert (events.heartbeat, lines.heartbeat, NDJSON().heartbeat) == (b":\n\n", b" ", b" ")


@pytest.mark.parametrize(
    ("options", "members"),
    [
        ({}, b""),
        ({"error": ERROR}, b"," + WRITTEN_ERROR),
        ({"timing": TIMING}, b',"timing":{"ms":12.5,"status":"ok","cached":false}'),
        (
            {"error": ERROR, "timing": TIMING},
            b"," + WRITTEN_ERROR + b',"timing":{"ms":12.5,"status":"ok","cached":false}',
        ),
        ({"etag": "AbC-_0"}, b',"etag":"AbC-_0"'),
        ({"etag": "AbC", "is_unchanged": True}, b',"etag":"AbC","unchanged":true'),
    ],
    ids=["a value", "an error", "a timing", "an error and a timing", "a tag", "unchanged"],
)
def test_the_frame_of_a_part(options, members):
    assert events.part("orders", b"[1,2]", cursor="eyJ.a.b", **options) == (
        b'event: part\nid: eyJ.a.b\ndata: {"name":"orders","value":[1,2]' + members + b"}\n\n"
    )
    assert lines.part("orders", b"[1,2]", cursor="eyJ.a.b", **options) == (
        b'{"name":"orders","value":[1,2]' + members + b',"cursor":"eyJ.a.b"}\n'
    )


def test_the_value_of_a_part_without_json_text_is_null():
    assert events.part("a", None, cursor="c") == (
        b'event: part\nid: c\ndata: {"name":"a","value":null}\n\n'
    )
    assert lines.part("a", None, cursor="c") == b'{"name":"a","value":null,"cursor":"c"}\n'


def test_the_frame_of_progress():
    told = b'{"name":"forecast","progress":0.3,"retry_after":0.5}'
    assert events.progress("forecast", progress=0.3, retry_after=0.5) == (
        b"event: progress\ndata: " + told + b"\n\n"
    )
    assert lines.progress("forecast", progress=0.3, retry_after=0.5) == (
        b'{"progress":' + told + b"}\n"
    )
    assert b'"progress":null,' in events.progress("forecast", progress=None, retry_after=2)


def test_the_end_of_an_event_stream_has_an_id():
    assert events.end(META, cursor="eyJ.a.b") == (
        b'event: end\nid: eyJ.a.b\ndata: {"total_parts":6,"delivered":6,"has_more":false}\n\n'
    )


def test_the_end_of_json_lines_has_a_cursor_where_there_is_more():
    written = b'"total_parts":6,"delivered":6,"has_more":'
    assert lines.end(META, cursor="eyJ.a.b") == b'{"meta":{' + written + b'false},"cursor":null}\n'
    assert lines.end({**META, "has_more": True}, cursor="eyJ.a.b") == (
        b'{"meta":{' + written + b'true},"cursor":"eyJ.a.b"}\n'
    )


@pytest.mark.parametrize("cursor", ["a\nb", "a\r", "a\0", "", "a b", 'a"', "é", "a\n"])
def test_text_that_is_no_token_is_refused_as_an_id(cursor):
    for frames in (events, lines):
        with pytest.raises(ValueError, match="is no cursor"):
            frames.part("a", b"1", cursor=cursor)
        with pytest.raises(ValueError, match="is no cursor"):
            frames.end(META, cursor=cursor)


def test_a_name_is_written_as_json():
    assert b'{"name":"a\\"b\\\\c","value":1}' in events.part('a"b\\c', b"1", cursor="c")
    assert '{"name":"注文"'.encode() in lines.part("注文", b"1", cursor="c")


def test_a_value_of_several_lines_is_sent_on_one():
    text = json.dumps({"a": ["x\r\ny", 1]}, indent=2).replace("\n", "\r\n").encode()
    frame = events.part("orders", text, cursor="c")
    assert frame.count(b"\n") == 4
    assert b"\r" not in frame
    assert json.loads(data_of(frame))["value"] == {"a": ["x\r\ny", 1]}


def data_of(frame):
    return frame.partition(b"data: ")[2]


def split(body):
    """The lines of a stream as the clients split them: by LF and CR, and as Python splits text."""
    text = body.decode()
    assert text.splitlines() == text.replace("\r\n", "\n").split("\n")[:-1]
    return text.split("\n")[:-1]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner)
)


@given(st.text(min_size=1), values, st.sampled_from([None, 0, 2]), st.booleans())
def test_a_frame_keeps_its_lines_whatever_text_is_in_it(name, value, indent, escapes):
    text = json.dumps(value, indent=indent, ensure_ascii=escapes)
    try:
        encoded, _ = text.encode(), name.encode()
    except UnicodeEncodeError:
        return  # a lone surrogate, which is no text
    error = {**ERROR, "message": name}
    event = split(events.part(name, encoded, cursor="c", error=error))
    assert [line.partition(": ")[0] for line in event] == ["event", "id", "data", ""]
    (line,) = split(lines.part(name, encoded, cursor="c", error=error))
    expected = {"name": name, "value": value, "error": error}
    assert json.loads(event[2].removeprefix("data: ")) == expected
    assert json.loads(line) == {**expected, "cursor": "c"}


def test_lines_of_json_with_heartbeats_between_them_are_json():
    body = lines.opening + lines.part("a", b"1", cursor="c") + lines.heartbeat * 2
    body += lines.end(META, cursor="c")
    assert [json.loads(line) for line in split(body)] == [
        {"name": "a", "value": 1, "cursor": "c"},
        {"meta": META, "cursor": None},
    ]
