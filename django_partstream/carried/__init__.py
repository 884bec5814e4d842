"""What a thread runs in, carried to another thread: locals, database sessions, the tenant."""
