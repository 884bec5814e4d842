import graphene
from archive.models import Document, Loan
from graphene import relay
from graphene_django import DjangoObjectType
from graphql import GraphQLError


class DocumentNode(DjangoObjectType):
    class Meta:
        model = Document
        fields = ["title", "year"]
        filter_fields = {"year": ["exact", "gte"], "title": ["icontains"]}
        interfaces = [relay.Node]

    owner = graphene.String()

    @classmethod
    def get_queryset(cls, queryset, info):
        """The first layer: rows that the reader may not see are not there."""
        return queryset.visible_to(info.context.user)

    def resolve_owner(self, info):
        """The second layer: a field for staff."""
        if not info.context.user.is_staff:
            raise GraphQLError("Only staff see owners.", extensions={"code": "STAFF_ONLY"})
        return self.owner.username


class LoanType(DjangoObjectType):
    class Meta:
        model = Loan
        fields = ["due", "document"]
