"""Put this project's view in place of graphene-django's."""

import graphene_django.views

from partstream_graphql.http.views import ProgressiveGraphQLView

graphene_django.views.GraphQLView = ProgressiveGraphQLView
