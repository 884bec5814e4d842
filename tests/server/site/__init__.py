"""
A Django project for real server processes: parts that are fast, slow, hang, fail or never end.

It is told all it needs by the environment:

=================== ======================================================================
``SITE_DATABASES``  JSON: Django's ``DATABASES``, ``ATOMIC_REQUESTS`` and pools included
``SITE_CACHES``     JSON: Django's ``CACHES``; ``cached`` is kept in the one called ``redis``
``SITE_PARTSTREAM`` JSON: the setting ``PARTSTREAM``
``SITE_EVENTS``     the path of a file or pipe that :mod:`~tests.server.site.events` go to
``SITE_WARM_UP``    the port of a gate: ``wsgi`` delivers a page while it is imported, and leaves a
                    late call there
=================== ======================================================================

No part needs a table. What a request may say in its query string (REST and GraphQL):

``run``    a name for it that its events have, and that ``cached`` is kept for (in GraphQL it is
           an argument of that part)
``gate``   the port of a :class:`~tests.server.servers.Gate`, where gated parts wait
``using``  the database alias of its parts' queries
"""
