"""Readers of an answer that ``ask`` returns."""


def nodes(answer):
    """The nodes of the page by part name; fails if the answer has top-level errors."""
    assert answer.errors is None, answer.errors
    return {edge["node"]["name"]: edge["node"] for edge in answer.data["dashboard"]["edges"]}


def ends(answer):
    """The status and error code of each part of the page, by part name."""
    return {
        name: (node["status"], (node["error"] or {}).get("code"))
        for name, node in nodes(answer).items()
    }
