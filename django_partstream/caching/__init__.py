"""``cached_for``: the keys of cached values, and their entries in a Django cache."""
