"""Resolving parts: an attempt at each, in place, in threads or in an event loop."""
