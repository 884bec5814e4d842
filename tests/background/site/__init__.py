"""
A Django project with background functions: for server processes and for workers.

The environment configures it:

==================== =====================================================================
``SITE_CACHES``      JSON: Django's ``CACHES``; all processes share ``default``
``SITE_DATABASES``   JSON: Django's ``DATABASES``
``SITE_PARTSTREAM``  JSON: the setting ``PARTSTREAM``
``SITE_TASKS``       JSON: the setting ``TASKS``; by default the database backend
``SITE_TIMES``       JSON: constants of ``django_partstream.jobs.states`` by name, in seconds
``SITE_BROKER``      the address of Celery's broker; ``SITE_BROKER_OPTIONS`` in JSON, its options
``SITE_QUEUE``       the name of Celery's queue; ``SITE_OTHER_QUEUE``, of that of ``export``
``SITE_EAGER``       JSON: Celery's ``task_always_eager``
``SITE_OBSERVED``    JSON: of ``traces``, ``celery`` and ``sentry`` what :mod:`tests.observed` tells of
``SITE_EVENTS``      the path of a file or pipe for :mod:`~tests.background.site.events`
==================== =====================================================================

The address ``/`` has a part for each function of :mod:`~tests.background.site.functions`. The query
string chooses with ``parts``, as ever, and gives each its arguments: ``run``, a name for the events
of a test, and ``gate``, the port of a :class:`~tests.server.servers.Gate` at which it waits.
"""
