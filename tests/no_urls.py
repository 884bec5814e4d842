"""The urlconf where one of the fronts is not installed: tests bring their own."""

urlpatterns: list[object] = []
