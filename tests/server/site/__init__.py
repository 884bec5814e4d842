"""
A Django project for real server processes: parts that are fast, slow, hang, fail or never end.

The environment configures it:

=================== ======================================================================
``SITE_DATABASES``  JSON: Django's ``DATABASES``, ``ATOMIC_REQUESTS`` and pools included
``SITE_CACHES``     JSON: Django's ``CACHES``; ``cached`` is kept in the cache ``redis``
``SITE_PARTSTREAM`` JSON: the setting ``PARTSTREAM``
``SITE_EVENTS``     the path of a file or pipe for :mod:`~tests.server.site.events`
``SITE_OBSERVED``   ``traces`` or ``sentry``: what :mod:`tests.observed` is to tell of
``SITE_PATIENCE``   seconds after which a stream gives a thread back, in the place of 15
``SITE_WARM_UP``    the port of a gate: ``wsgi`` delivers a page while it is imported, and leaves a
                    late call there
=================== ======================================================================

No part needs a table. The parameters of a request's query string (REST and GraphQL):

``run``    a name for the request: its events carry it, and ``cached`` is kept for each name (in
           GraphQL it is an argument of that part)
``gate``   the port of a :class:`~tests.server.servers.Gate`, where gated parts wait
``using``  the database alias of its parts' queries
"""
