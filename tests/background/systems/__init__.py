"""Whole systems with background parts: web nodes, workers, a broker, a cache, and many clients."""
