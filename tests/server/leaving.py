"""How a client leaves, and how that is seen upstream."""

import json
import socket


def connect(proxy, path, body):
    """Send a request over a bare socket, so that it can be left at any moment."""
    return send(proxy, path, json.dumps(body).encode())


def send(proxy, path, content, **headers):
    """Send any bytes so."""
    client = socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2])))
    own = {"Host": "localhost", "Content-Length": str(len(content))} | headers
    head = "".join(f"{name}: {value}\r\n" for name, value in own.items())
    client.sendall(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + content)
    return client


def asked(upstream):
    """Say whether the last request upstream has arrived whole."""
    return bool(upstream.received) and upstream.received[-1].body is not None


def dropped(upstream):
    """Say whether the last request upstream was given up before its answer ended."""
    return bool(upstream.received) and upstream.received[-1].outcome == "dropped"
