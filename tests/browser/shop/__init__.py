"""The example shop on a server of its own, which signs visitors in and would compress responses."""
