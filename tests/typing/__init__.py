"""
What users write, for ``make lint`` to check with mypy and pyright, both strict. Nothing here runs.

A line that must be an error has a ``type: ignore`` and a ``pyright: ignore``, which fail where they
are not needed.
"""
