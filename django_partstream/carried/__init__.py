"""The surroundings of a thread, carried to another: locals, database sessions, the tenant."""
