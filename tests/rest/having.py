"""Requests of a client that says which values it has."""

from urllib.parse import quote

from tests.rest.streaming import frames


def have(tags):
    """The header ``Partstream-Have`` for these *tags*, by part."""
    return ", ".join(f'{quote(name, safe="")}="{tag}"' for name, tag in tags.items())


def answer(client, url="/", tags=None, *, header=None, **headers):
    """The response to a client that has the values of *tags*, or sends that *header*."""
    sent = have(tags or {}) if header is None else header
    named = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    return client.get(url, HTTP_PARTSTREAM_HAVE=sent, **named)


def page(client, url="/", tags=None, **options):
    """The page of :func:`answer`."""
    return answer(client, url, tags, **options).json()


def tags_of(client, url="/", **options):
    """The tags that a client without any value is given."""
    return page(client, url, **options)["etags"]


def parts(client, tags=None, accept="application/jsonl", url="/", **options):
    """The frames of parts in the stream of :func:`answer`, by name."""
    sent = frames(answer(client, url, tags, accept=accept, **options))
    return {frame.data["name"]: frame.data for frame in sent if frame.kind == "part"}
