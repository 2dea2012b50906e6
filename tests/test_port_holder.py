"""Who holds a port: the server's own word where it is Ollama or we, the process's name, or nobody at all."""

import contextlib
import errno
import http.server
import os
import socket
import threading

import psutil
import pytest

from tray_proxy import port_holder
from tray_proxy.errors import Holder
from tray_proxy.port_holder import described, find_holder, trouble

OTHER_PORT = "use another port (--port, or the setting PORT)"
ME = (psutil.Process().name(), os.getpid())


@pytest.fixture
def serve_texts():
    """Start little web servers of the standard library that answer each path with a text; gives their ports."""
    servers = []

    def serve(texts):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = texts.get(self.path, "").encode()
                self.send_response(200 if body else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server.server_port

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("texts", "kind", "version"),
    [
        ({"/": "Ollama is running", "/api/version": '{"version":"0.17.6"}'}, "ollama", "0.17.6"),
        ({"/": "Ollama is running"}, "ollama", None),
        ({"/": "Ollama is running", "/api/version": '{"version":{"no":"text"}}'}, "ollama", None),
        ({"/": "Ollama is running", "/api/version": '["0.17.6"]'}, "ollama", None),
        ({"/": "Ollama is running", "/api/version": '{"version":"a\\nb"}'}, "ollama", None),
        ({"/health": '{"app":"Tray Proxy","version":"2.1.0"}', "/": "Ollama is running"}, "ours", "2.1.0"),
        ({"/": "something else", "/health": "[]"}, "program", None),
        ({"/": "something else", "/health": "[" * 4096}, "program", None),
        ({}, "program", None),
    ],
)
def test_who_holds_the_port_is_told_by_what_answers_there(serve_texts, texts, kind, version):
    assert find_holder("127.0.0.1", serve_texts(texts)) == Holder(kind, version, *ME)


def test_a_holder_that_does_not_answer_is_still_named_by_its_process(monkeypatch):
    monkeypatch.setattr(port_holder, "ANSWER_TIMEOUT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert find_holder("127.0.0.1", silent.getsockname()[1]) == Holder("program", None, *ME)


def test_a_holder_that_answers_byte_by_byte_is_not_waited_for(monkeypatch):
    """Such as one that sends a stream of events: the port could neither be opened nor given up meanwhile."""
    monkeypatch.setattr(port_holder, "ANSWER_TIMEOUT_S", 0.2)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as endless:

        def answer(asker):
            with contextlib.suppress(OSError), asker:
                asker.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                # More often than the limit for each byte, so that only one for all of them ends it.
                while not over.wait(0.05):
                    asker.send(b".")

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=answer, args=(endless.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()

        assert find_holder("127.0.0.1", endless.getsockname()[1]) == Holder("program", None, *ME)
    over.set()


@pytest.fixture
def as_on_a_mac(monkeypatch):
    """A system that tells of all connections to its administrator alone."""

    def refuse(_kind):
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", refuse)


def test_a_process_of_ones_own_is_found_on_a_mac_too(as_on_a_mac, serve_texts):
    assert find_holder("127.0.0.1", serve_texts({})) == Holder("program", None, *ME)


def test_a_process_of_somebody_else_stays_unknown(as_on_a_mac, free_port):
    assert find_holder("127.0.0.1", free_port) == Holder("unknown")


@pytest.mark.parametrize(
    ("holder", "words"),
    [
        (Holder("ollama", "0.17.6", "ollama", 4312), "Ollama 0.17.6 (ollama, process 4312)"),
        (Holder("ollama", "0.17.6"), "Ollama 0.17.6"),
        (Holder("ollama", None, "ollama.exe", 7), "Ollama (ollama.exe, process 7)"),
        (Holder("ours", "2.1.0", "python3", 9), "Tray Proxy itself, started earlier (python3, process 9)"),
        (Holder("program", None, "docker-proxy", 4312), "docker-proxy, process 4312"),
        (Holder("unknown"), "another program"),
    ],
)
def test_a_holder_is_named_as_well_as_it_is_known(holder, words):
    assert described(holder) == words


@pytest.mark.parametrize(
    ("holder", "sentence", "hint"),
    [
        (
            Holder("ollama", "0.17.6", "ollama", 4312),
            "Port 11434 is used by Ollama 0.17.6 (ollama, process 4312).",
            f"Let both run side by side (Use both, on the settings page), quit Ollama, or {OTHER_PORT}.",
        ),
        (
            Holder("ours", "2.1.0"),
            "Port 11434 is used by Tray Proxy itself, started earlier.",
            "Use the one that runs, or quit it first; another copy needs another port (--port, or the setting PORT).",
        ),
        (
            Holder("unknown"),
            "Port 11434 is used by another program.",
            "Quit the other program, or start Tray Proxy on another port (--port, or the setting PORT).",
        ),
    ],
)
def test_a_taken_port_is_told_with_its_holder_and_a_cure_that_fits(monkeypatch, holder, sentence, hint):
    monkeypatch.setattr(port_holder, "find_holder", lambda *_: holder)

    error = trouble("127.0.0.1", 11434, OSError(errno.EADDRINUSE, "Address already in use"))

    assert (error.message, error.hint, error.holder) == (sentence, hint, holder)


@pytest.mark.parametrize("number", [errno.EACCES, 10013])
def test_a_port_that_windows_reserves_is_told_from_a_taken_one(number, free_port):
    """No process holds it, and quitting programs helps nobody."""
    error = trouble("127.0.0.1", free_port, OSError(number, "forbidden by its access permissions"), platform="win32")

    assert error.message == f"Windows keeps port {free_port} for itself just now; no program is using it."
    assert error.hint == (
        "Use another port (--port, or the setting PORT); after a restart of Windows this one is often free again."
    )
    assert error.holder == Holder("reserved")


def test_what_windows_forbids_because_a_program_has_it_is_told_as_taken(serve_texts):
    port = serve_texts({"/": "Ollama is running", "/api/version": '{"version":"0.17.6"}'})

    error = trouble("127.0.0.1", port, OSError(10013, "forbidden"), platform="win32")

    assert error.holder == Holder("ollama", "0.17.6", *ME)


def test_a_port_for_the_systems_own_programs_is_told_elsewhere():
    error = trouble("127.0.0.1", 80, OSError(errno.EACCES, "Permission denied"), platform="linux")

    assert error.message == "This system does not let ordinary programs use port 80."
    assert error.hint == "Use a port from 1024 on (--port, or the setting PORT)."
    assert error.holder == Holder("forbidden")


def test_every_other_failure_is_told_in_the_systems_words():
    error = trouble("127.0.0.1", 11434, OSError(errno.EMFILE, "Too many open files"))

    assert error.message == "Port 11434 could not be opened: Too many open files."
    assert error.holder is None
