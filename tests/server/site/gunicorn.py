"""What gunicorn has no option for in every version that serves us."""

control_socket_disable = True
