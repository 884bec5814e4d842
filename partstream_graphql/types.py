"""The GraphQL types that every progressive connection shares."""

from __future__ import annotations

import graphene

from django_partstream.outcomes import Status

_STATUSES = {
    Status.OK: "It is here.",
    Status.FALLBACK: "Its own source failed; this is the fallback declared for that.",
    Status.ERROR: "It failed.",
    Status.TIMEOUT: "It took longer than its limit.",
    Status.DENIED: "This user may not see it.",
    Status.PLANNED: "It is part of the response, and this query does not select it.",
}

PartStatus = graphene.Enum.from_enum(
    Status,
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


class ProgressivePart(graphene.Interface):
    """One part of a progressive connection: what it is called and how it ended."""

    name = graphene.String(required=True, description="The name of the part's field.")
    status = graphene.Field(PartStatus, required=True, description="In which way it ended.")
    error = graphene.Field(PartError, description="Why it failed; null where it did not.")
