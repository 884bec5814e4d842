"""
The project of :mod:`~tests.background.site` with both fronts, for web nodes of every kind.

============== =====================================================================
``/``          as in that project
``/walk/``     four parts, two a page, of which ``forecast`` is computed elsewhere
``/graphql/``  the same parts as the connection ``board``
``/guarded/``  background functions under guards, and in transactions of their own
``/tenants/``  the orders of a tenant
``/brief/``    a background function with a limit of a second
============== =====================================================================

The query string has ``run`` and ``gate``, as in that project.
"""
