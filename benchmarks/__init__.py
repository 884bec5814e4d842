"""
The cost of a page beside the code that it replaces: ``make bench``, ``make bench-quick``.

A figure is a ratio of two contenders that were timed in turn, in the same process and machine.
"""
