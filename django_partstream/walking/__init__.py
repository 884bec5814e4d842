"""
A walk of a response, to tell what its parts cost: ``manage.py partstream walk``.

A front brings its :class:`~.walks.Walker`, in a module ``walking`` that the command imports by
name. The walker asks for pages or a stream, and tells what comes. :mod:`.walks` follows it,
:mod:`.watching` listens to the parts in this process meanwhile, :mod:`.figures` counts, and
:mod:`.hints` says what the figures ask for.
"""
