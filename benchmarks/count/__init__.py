"""
The instructions of a page beside the code that it replaces: ``make count``.

valgrind's callgrind counts the instructions of a request. The count of a version of the code is the
same to a percent on each machine, busy or not.
"""
