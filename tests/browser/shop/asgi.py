from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler

from example_schema import asgi

application = ASGIStaticFilesHandler(asgi.application)
