"""Runs in a guest's or a server's network namespace, on Python's standard library alone.

``egress_probe.py tcp|udp ADDRESS PORT`` prints what the service answers, or the name of the error.
``egress_probe.py many ADDRESS PORT COUNT`` keeps so many connections open and prints how many there are, then waits for its input's end.
``egress_probe.py upload|download ADDRESS PORT SIZE`` prints how much arrived.
``egress_probe.py half ADDRESS PORT`` ends its own side, and prints what the service answers after that, up to its end.
``egress_probe.py late ADDRESS PORT SECONDS`` prints what a service answers that is silent for so long.
``egress_probe.py mixed ADDRESS PORT ADDRESS PORT`` prints who answers datagrams of one socket to both.
``egress_probe.py resolve NAME`` prints the address that the system's resolver finds.
``egress_probe.py ask udp|tcp SERVER NAME`` asks one name server.
``egress_probe.py serve ADDRESS:PORT...`` answers connections and datagrams with the address that they came to.
``egress_probe.py names ADDRESS`` is a name server that knows one address for every name: 203.0.113.10.
"""

import errno
import resource
import socket
import socketserver
import struct
import sys
import threading
import time

ANSWER = "203.0.113.10"
PATIENCE_S = 3.0
SILENT_PORT = 8002


def main(arguments):
    task, *rest = arguments
    try:
        print(TASKS[task](*rest), flush=True)
    except TimeoutError:
        print("no answer", flush=True)
    except socket.gaierror:
        print("unknown name", flush=True)
    except OSError as error:
        print(errno.errorcode[error.errno], flush=True)


def tcp(address, port):
    with socket.create_connection((address, int(port)), PATIENCE_S) as connection:
        return connection.recv(100).decode()


def udp(address, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(PATIENCE_S)
        sender.connect((address, int(port)))
        sender.send(b"?")
        return sender.recv(100).decode()


def hold(address, port):
    """A connection that stays: answers with the error that ends it."""
    with socket.create_connection((address, int(port)), PATIENCE_S) as connection:
        print(connection.recv(100).decode(), flush=True)
        sys.stdin.readline()
        connection.sendall(b"?")
        return connection.recv(100).decode() or "ended"


def many(address, port, count):
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    held = []
    for _ in range(int(count)):
        try:
            held.append(socket.create_connection((address, int(port)), PATIENCE_S))
        except OSError:
            break
    print(len(held), flush=True)
    sys.stdin.read()
    return "done"


def upload(address, port, size):
    """How much the service says it has got of ``size`` bytes."""
    with socket.create_connection((address, int(port)), PATIENCE_S) as connection:
        connection.settimeout(30)
        connection.recv(100)
        connection.sendall(b"U" + size.encode().zfill(12))
        connection.sendall(b"x" * int(size))
        return connection.recv(100).decode()


def download(address, port, size):
    """How much arrives of ``size`` bytes that the service is asked for."""
    with socket.create_connection((address, int(port)), PATIENCE_S) as connection:
        connection.settimeout(30)
        connection.recv(100)
        connection.sendall(f"D{size}".encode())
        return sum(map(len, iter(lambda: connection.recv(1 << 20), b"")))


def half(address, port):
    """The service reads up to our end and answers then."""
    with socket.create_connection((address, int(port)), PATIENCE_S) as connection:
        connection.recv(100)
        connection.sendall(b"H" + b"x" * 100_000)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(100), b"")).decode()


def late(address, port, seconds):
    """The service says nothing at all before ``seconds`` have passed."""
    with socket.create_connection((address, int(port)), PATIENCE_S) as connection:
        connection.settimeout(int(seconds) + 10)
        connection.sendall(f"L{seconds}".encode())
        return connection.recv(100).decode()


def mixed(address, port, other, other_port):
    """Each answer names its sender; many rounds, since what goes wrong depends on which answer is first."""
    answers = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(PATIENCE_S)
        for _ in range(50):
            sender.sendto(b"?", (address, int(port)))
            sender.sendto(b"?", (other, int(other_port)))
            answers |= {sender.recv(100).decode() for _ in range(2)}
    return " ".join(sorted(answers))


def spoof(own, address, port):
    """Connect from an address that the caller says is ours."""
    with socket.create_connection((address, int(port)), 1.0, (own, 0)) as connection:
        return connection.recv(100).decode()


def resolve(name):
    return socket.getaddrinfo(name, 80, socket.AF_INET)[0][4][0]


def ask(transport, server, name):
    query = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + encoded(name) + struct.pack(">HH", 1, 1)
    if transport == "udp":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.settimeout(PATIENCE_S)
            sender.connect((server, 53))
            sender.send(query)
            return socket.inet_ntoa(sender.recv(512)[-4:])
    with socket.create_connection((server, 53), PATIENCE_S) as connection:
        connection.sendall(struct.pack(">H", len(query)) + query)
        return socket.inet_ntoa(connection.recv(512)[-4:])


def encoded(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"


class Answer(socketserver.BaseRequestHandler):
    """Says where the request came to; a connection stays open and does what it is asked for."""

    def handle(self):
        if isinstance(self.request, tuple):
            self.request[1].sendto(self.server.name.encode(), self.client_address)
            return
        if self.server.server_address[1] == SILENT_PORT:
            self.silent()
            return
        self.request.sendall(self.request.getsockname()[0].encode())
        first = self.request.recv(100)
        if first[:1] == b"H":
            got = len(first) - 1 + sum(map(len, iter(lambda: self.request.recv(1 << 20), b"")))
            self.request.sendall(str(got).encode())
        elif first[:1] == b"U":
            got, size = len(first) - 13, int(first[1:13])
            while got < size:
                got += len(self.request.recv(1 << 20)) or size
            self.request.sendall(str(got).encode())
        elif first[:1] == b"D":
            self.request.sendall(b"x" * int(first[1:]))
        elif first:
            self.request.sendall(b"still here")
            self.request.recv(100)

    def silent(self):
        """The first byte comes when the caller wants it: time itself is what is tried here."""
        time.sleep(int(self.request.recv(100)[1:]))
        self.request.sendall(b"late")


class Names(socketserver.BaseRequestHandler):
    def handle(self):
        if isinstance(self.request, tuple):
            self.request[1].sendto(named(self.request[0]), self.client_address)
            return
        query = self.request.recv(514)
        reply = named(query[2:])
        self.request.sendall(struct.pack(">H", len(reply)) + reply)


def named(query):
    end = query.index(b"\0", 12) + 5
    kind = query[end - 4 : end - 2]
    answers = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(ANSWER) if kind == b"\0\1" else b""
    return query[:2] + struct.pack(">HHHHH", 0x8180, 1, 1 if answers else 0, 0, 0) + query[12:end] + answers


class Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 2048


class Udp(socketserver.ThreadingUDPServer):
    daemon_threads = True


def serve(*places, handler=Answer):
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    for place in places:
        address, port = place.rsplit(":", 1)
        for kind in (Tcp, Udp):
            server = kind((address, int(port)), handler)
            server.name = address
            threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()
    return "done"


def names(address):
    return serve(f"{address}:53", handler=Names)


TASKS = {
    "tcp": tcp,
    "udp": udp,
    "hold": hold,
    "many": many,
    "spoof": spoof,
    "upload": upload,
    "download": download,
    "half": half,
    "late": late,
    "mixed": mixed,
    "resolve": resolve,
    "ask": ask,
    "serve": serve,
    "names": names,
}

if __name__ == "__main__":
    main(sys.argv[1:])
