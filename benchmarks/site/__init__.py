"""
The contenders: views that answer with the same JSON, each built in another way.

Under ``plain/`` and ``stock/`` is the code that a page replaces, under ``ours/`` the page.
"""
