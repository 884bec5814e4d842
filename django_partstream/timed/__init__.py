"""The engine of ``with_timeout``: calls in threads of their own, deadlines, lent connections."""
