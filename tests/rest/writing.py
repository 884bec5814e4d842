"""The JSON that a client gets for a value, with and without orjson: it must be the same."""

import json
from unittest import mock

from rest_framework.renderers import JSONRenderer

from partstream_rest import values
from partstream_rest.values import JSONText, Writer


def texts(make, *renderers):
    """The text of the value that ``make()`` returns, by the encoder in use and without orjson."""
    write = Writer(lambda: renderers or [JSONRenderer()])
    made = [write(make())]
    with mock.patch.object(values, "orjson", None):
        made.append(write(make()))
    assert [type(text) for text in made] == [JSONText, JSONText]
    return made


def sent_by(make, *renderers):
    """The objects that a client gets for the value that ``make()`` returns."""
    ours, theirs = [json.loads(text) for text in texts(make, *renderers)]
    assert (ours, repr(ours)) == (theirs, repr(theirs))  # == takes 1, 1.0 and True for equal
    return ours


def sent(value, *renderers):
    """The objects that a client gets for *value*, which is not used up by being sent."""
    return sent_by(lambda: value, *renderers)


def refusal(value, *renderers):
    """The exception that refuses *value*, with and without orjson."""
    return refusal_of(lambda: value, *renderers)


def refusal_of(make, *renderers):
    """The same for the value that ``make()`` returns."""
    refusals = []
    for orjson in (values.orjson, None):
        with mock.patch.object(values, "orjson", orjson):
            try:
                text = Writer(lambda: renderers or [JSONRenderer()])(make())
            except Exception as exc:
                refusals.append(exc)
            else:
                raise AssertionError(f"{make()!r} was sent as {json.loads(text)!r}.")
    kinds = {type(exc) for exc in refusals}
    # A value may be wrong in two places, and the two encoders may begin at different ones.
    assert len(kinds) == 1 or kinds <= {TypeError, ValueError, UnicodeEncodeError}
    return refusals[0]
