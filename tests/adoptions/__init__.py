"""
Two projects that had an API before they adopted the library.

Each has the code from before, the code of its page in ``docs/how-to``, and tests of its own, which
show that both answer the same. ``test_adoptions.py`` runs these in a process for each project.
"""
