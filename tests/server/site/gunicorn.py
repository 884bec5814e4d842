"""A gunicorn setting that has no command-line option in all versions used here."""

control_socket_disable = True
