"""What the service needs."""

import socket


def reachable(host, port, timeout_s=1.0):
    """Returns a part that is well when something listens there."""

    def ask():
        socket.create_connection((host, port), timeout=timeout_s).close()

    return ask
