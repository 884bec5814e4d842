"""Have whoever asks graphene-django for its view get ours."""

import graphene_django.views

from partstream_graphql.http.views import ProgressiveGraphQLView

graphene_django.views.GraphQLView = ProgressiveGraphQLView
