"""An empty urlconf for where a front is not installed: tests bring their own URLs."""

urlpatterns: list[object] = []
