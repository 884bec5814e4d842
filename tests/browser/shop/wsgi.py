from django.contrib.staticfiles.handlers import StaticFilesHandler

from example_schema import wsgi

application = StaticFilesHandler(wsgi.application)
