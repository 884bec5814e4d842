"""The view and the schema from before: an object whose fields are resolved one after the other."""

import graphene
from archive import search
from archive.models import Loan
from archive.types import DocumentNode, LoanType
from django.http import JsonResponse
from graphene_django.filter import DjangoFilterConnectionField
from graphene_django.views import GraphQLView


class Desk(graphene.ObjectType):
    room = graphene.String()
    documents = DjangoFilterConnectionField(DocumentNode)
    loans = graphene.List(LoanType)
    terms = graphene.List(graphene.String)

    def resolve_room(self, info):
        return info.context.reading_room

    def resolve_loans(self, info):
        return Loan.objects.filter(reader=info.context.user).order_by("due")

    def resolve_terms(self, info):
        return search.terms()


class Query(graphene.ObjectType):
    desk = graphene.Field(Desk)

    def resolve_desk(self, info):
        return Desk()


class ArchiveGraphQLView(GraphQLView):
    def dispatch(self, request, *args, **kwargs):
        if not request.user.is_authenticated:
            return JsonResponse({"errors": [{"message": "Sign in."}]}, status=401)
        return super().dispatch(request, *args, **kwargs)

    def get_context(self, request):
        request.reading_room = request.headers.get("X-Reading-Room", "main")
        return request
