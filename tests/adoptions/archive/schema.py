import graphene
from archive import before, search
from archive.models import Loan
from archive.types import DocumentNode, LoanType
from graphene_django.filter import DjangoFilterConnectionField

from django_partstream import cached_for, safe_call, with_timeout
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField


class ProgressiveDesk(ProgressiveConnection):
    chunk_size = 2

    room = Part(graphene.String)
    documents = Part(DjangoFilterConnectionField(DocumentNode))
    loans = Part(graphene.List(LoanType))
    terms = Part(graphene.List(graphene.String))

    def resolve_room(self, info):
        return info.context.reading_room

    def resolve_loans(self, info):
        return Loan.objects.filter(reader=info.context.user).order_by("due")

    @cached_for(600, per_user=False)
    @safe_call(fallback=[])
    @with_timeout(2)
    def resolve_terms(self, info):
        return search.terms()


class Query(before.Query):
    progressive_desk = ProgressiveConnectionField(ProgressiveDesk)


schema = graphene.Schema(query=Query)
