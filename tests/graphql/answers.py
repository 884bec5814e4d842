"""What tests read from an answer of ``ask``."""


def nodes(answer):
    """The nodes of its page by part name; the answer has no top-level errors."""
    assert answer.errors is None, answer.errors
    return {edge["node"]["name"]: edge["node"] for edge in answer.data["dashboard"]["edges"]}


def ends(answer):
    """How each part of its page ended: its status, and the code of its error."""
    return {
        name: (node["status"], (node["error"] or {}).get("code"))
        for name, node in nodes(answer).items()
    }
