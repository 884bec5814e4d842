"""The engine of ``with_timeout``: calls in threads, deadlines, and connections that are lent."""
