"""OpenRouter's address on loopback, encrypted: an authority of our own vouches for it, or does not."""

import contextlib
import datetime
import socket
import ssl
import threading

import trustme

NAME = "openrouter.test"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n" + b'{"data":[]}'


class Encrypted:
    """
    A server that answers every request alike, or as a function of the request says. Keeps what it was `asked`.

    Args:
        name: Whose certificate it shows.
        ended: Whether that is no longer valid.
        answer: What it answers.
    """

    def __init__(self, authority, *, name=NAME, ended=False, answer=ANSWER):
        self._answer = answer
        long_ago = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
        certificate = authority.issue_cert(name, not_after=long_ago if ended else None)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self._context)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.url = f"https://{NAME}:{self.port}/api/v1"
        self.connections = 0
        self.asked = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self.connections += 1
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection):
        with contextlib.suppress(OSError), self._context.wrap_socket(connection, server_side=True) as encrypted:
            while request := encrypted.recv(65536):
                self.asked.append(request)
                encrypted.sendall(self._answer(request) if callable(self._answer) else self._answer)

    def close(self):
        _stop_listening(self._server)


class ProxyServer:
    """A company's proxy server: opens the ways that it is asked for with CONNECT, wherever they lead, to one port."""

    def __init__(self, port):
        self._port = port
        self.asked = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://somebody:secret-word@127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection):
        with contextlib.suppress(OSError), connection:
            self.asked.append(connection.recv(65536).split(b"\r\n")[0].decode())
            with socket.create_connection(("127.0.0.1", self._port)) as onward:
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_carry, args=(onward, connection), daemon=True)
                back.start()
                _carry(connection, onward)
                back.join(15)

    def close(self):
        _stop_listening(self._server)


def _stop_listening(server):
    with contextlib.suppress(OSError):
        # Who waits for a connection holds the port until one comes.
        server.shutdown(socket.SHUT_RDWR)
    server.close()


def _carry(source, target):
    with contextlib.suppress(OSError):
        while part := source.recv(65536):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)


def authority():
    return trustme.CA(organization_name="Example Company")
