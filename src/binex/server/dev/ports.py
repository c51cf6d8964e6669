"""Ports of this machine."""

import socket


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def is_taken(port: int) -> bool:
    """Whether somebody listens on *port* of the loopback interface, or may not let anybody else."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was left a moment ago is free
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
