"""``cached_for``: a guard that keeps the value of a function in a Django cache."""
