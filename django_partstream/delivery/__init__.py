"""Resolving parts: one attempt at each, in place, in threads or in an event loop."""
