"""The management commands: ``manage.py partstream``."""
