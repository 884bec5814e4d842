"""The index of full texts, which is another server."""


def terms():
    """The terms that readers searched for most."""
    return ["harbour", "census"]
