"""The GraphQL types that every progressive connection shares."""

from __future__ import annotations

from enum import StrEnum

import graphene

from django_partstream.outcomes import Status


class NodeStatus(StrEnum):
    """The status of a node: how its part ended, or that the query does not select the part."""

    OK = Status.OK
    FALLBACK = Status.FALLBACK
    ERROR = Status.ERROR
    TIMEOUT = Status.TIMEOUT
    DENIED = Status.DENIED
    PLANNED = "planned"


_STATUSES = {
    NodeStatus.OK: "It is here.",
    NodeStatus.FALLBACK: "Its own source failed; this is the fallback declared for that.",
    NodeStatus.ERROR: "It failed.",
    NodeStatus.TIMEOUT: "It took longer than its limit.",
    NodeStatus.DENIED: "This user may not see it.",
    NodeStatus.PLANNED: "It is part of the response, and this query does not select it.",
}

PartStatus = graphene.Enum.from_enum(
    NodeStatus,
    name="PartStatus",
    description=lambda status: _STATUSES[status] if status else "In which way a part ended.",
)


class PartError(graphene.ObjectType):
    """Why a part failed, as data: the rest of the page is unharmed."""

    code = graphene.String(
        required=True,
        description="For programs: part_failed, part_timed_out, permission_denied, not_found, "
        "or the code of the exception.",
    )
    message = graphene.String(required=True, description="For people.")
    retryable = graphene.Boolean(required=True, description="Whether asking again may help.")
    reference = graphene.String(
        required=True, description="Also on the server's log record of this failure."
    )


class PendingPart(graphene.ObjectType):
    """A part whose value is not there yet: a later page delivers it."""

    name = graphene.String(required=True, description="The name of the part's field.")
    retry_after = graphene.Float(required=True, description="Seconds until another look is due.")
    progress = graphene.Float(description="From 0 to 1; null where it is not known.")


class ProgressivePart(graphene.Interface):
    """One part of a progressive connection: what it is called and how it ended."""

    name = graphene.String(required=True, description="The name of the part's field.")
    status = graphene.Field(PartStatus, required=True, description="In which way it ended.")
    error = graphene.Field(PartError, description="Why it failed; null where it did not.")
