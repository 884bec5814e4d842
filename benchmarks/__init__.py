"""
What a page costs, side by side with what it replaces: ``make bench``, ``make bench-quick``.

A figure is a ratio of two contenders that were timed in turn, in one process, on one machine.
"""
