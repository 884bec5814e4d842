from django.http import JsonResponse

from partstream_graphql.views import ProgressiveGraphQLView


class ArchiveGraphQLView(ProgressiveGraphQLView):
    def dispatch(self, request, *args, **kwargs):
        if not request.user.is_authenticated:
            return JsonResponse({"errors": [{"message": "Sign in."}]}, status=401)
        return super().dispatch(request, *args, **kwargs)

    def get_context(self, request):
        request.reading_room = request.headers.get("X-Reading-Room", "main")
        return request
