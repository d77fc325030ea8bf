"""A forward proxy for plain HTTP that damages what passes through it.

`python3 bad_proxy.py chaos SEED` cuts connections, delivers requests twice, refuses requests and sends garbage.
`python3 bad_proxy.py flood KIND MEGABYTES` sends huge answers.

It prints its port. When its standard input ends, it prints how many bytes of huge answers it has sent, and ends.
"""

import os
import random
import socket
import sys
import threading
import time
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
LONGEST_WAIT = 30


class Ended(Exception):
    """The connection is over."""


class Reader:
    """Reads messages from a socket."""

    def __init__(self, connection):
        self.connection, self.buffer = connection, b""

    def more(self):
        piece = self.connection.recv(1 << 16)
        if not piece:
            raise Ended
        self.buffer += piece

    def until(self, end):
        while end not in self.buffer:
            self.more()
        found, self.buffer = self.buffer.split(end, 1)
        return found + end

    def exactly(self, count):
        while len(self.buffer) < count:
            self.more()
        found, self.buffer = self.buffer[:count], self.buffer[count:]
        return found

    def rest(self):
        try:
            while True:
                self.more()
        except Ended:
            found, self.buffer = self.buffer, b""
            return found

    def message(self, has_body):
        """Start line, headers as pairs, and body; chunks are put together."""
        lines = self.until(b"\r\n\r\n")[:-4].split(b"\r\n")
        headers = [tuple(part.strip() for part in line.split(b":", 1)) for line in lines[1:]]
        said = {name.lower(): value for name, value in headers}
        body = b""
        if has_body(lines[0]):
            if said.get(b"transfer-encoding", b"").lower() == b"chunked":
                body = b"".join(self.chunks())
                headers = [pair for pair in headers if pair[0].lower() != b"transfer-encoding"]
                headers.append((b"Content-Length", str(len(body)).encode()))
            elif b"content-length" in said:
                body = self.exactly(int(said[b"content-length"]))
            elif lines[0].startswith(b"HTTP/"):
                body = self.rest()
        return lines[0], headers, body

    def chunks(self):
        while size := int(self.until(b"\r\n").split(b";")[0], 16):
            yield self.exactly(size)
            self.exactly(2)
        while self.until(b"\r\n") != b"\r\n":
            pass


def written(start, headers, body):
    return b"\r\n".join([start, *(name + b": " + value for name, value in headers), b"", body])


def forward(start, headers, body):
    """Sends a request to where it is meant to go, on a connection of its own, and returns the answer."""
    method, url, version = start.split(b" ", 2)
    parts = urlsplit(url.decode())
    path = url.decode().split(parts.netloc, 1)[1] or "/"
    kept = [pair for pair in headers if pair[0].lower() not in (b"connection", b"proxy-connection")]
    with socket.create_connection((parts.hostname, parts.port or 80), LONGEST_WAIT) as upstream:
        upstream.sendall(written(b" ".join([method, path.encode(), version]), kept + [(b"Connection", b"close")], body))

        def has_body(line):
            return method != b"HEAD" and line.split(b" ")[1] not in (b"204", b"304")

        start, headers, body = Reader(upstream).message(has_body)
    return start, [pair for pair in headers if pair[0].lower() != b"connection"], body


class Chaos:
    """Damages about one exchange in six, in a way that the seed decides."""

    def __init__(self, seed):
        self.dice, self.lock, self.refusing, self.sent = random.Random(seed), threading.Lock(), 0, 0

    def exchange(self, client, request):
        with self.lock:
            harm, dice = self.draw(), random.Random(self.dice.random())
        getattr(self, harm)(client, request, dice)

    def draw(self):
        if self.refusing:
            self.refusing -= 1
            return "refuse"
        if self.dice.random() > 0.16:
            return "pass_on"
        harm = self.dice.choice(
            ["drop", "cut", "cut", "twice", "twice", "refuse", "garbage", "spoil", "drip", "endless_headers", "wait"]
        )
        if harm == "refuse":
            self.refusing = self.dice.randrange(12)
        return harm

    def pass_on(self, client, request, dice):
        client.sendall(written(*forward(*request)))

    def drop(self, client, request, dice):
        """The request never arrives."""
        raise Ended

    def cut(self, client, request, dice):
        """It arrives, and the answer breaks off at any byte."""
        answer = written(*forward(*request))
        client.sendall(answer[: dice.randrange(len(answer))])
        raise Ended

    def twice(self, client, request, dice):
        """It arrives twice; either answer comes back."""
        answers = [forward(*request), forward(*request)]
        client.sendall(written(*dice.choice(answers)))

    def refuse(self, client, request, dice):
        """It does not arrive. The answer is that of a busy service, or of a load balancer."""
        headers, body = [], b""
        if dice.random() < 0.5:
            body = b'<?xml version="1.0"?><Error><Code>ServerBusy</Code><Message>The server is busy.</Message></Error>'
            headers = [(b"x-ms-error-code", b"ServerBusy"), (b"Content-Type", b"application/xml")]
        if dice.random() < 0.2:
            headers.append((b"Retry-After", b"1"))
        headers.append((b"Content-Length", str(len(body)).encode()))
        client.sendall(written(b"HTTP/1.1 503 Busy", headers, b"" if request[0].startswith(b"HEAD") else body))

    def garbage(self, client, request, dice):
        """It arrives; what comes back is no HTTP."""
        forward(*request)
        client.sendall(dice.randbytes(dice.randrange(1, 4000)))
        raise Ended

    def spoil(self, client, request, dice):
        """It arrives; the body of the answer is something else."""
        start, headers, body = forward(*request)
        spoilt = dice.choice([dice.randbytes(len(body)), b"<html>sign in</html>", body[: len(body) // 2], b"{}", b"null"])
        if body:
            headers = [pair for pair in headers if pair[0].lower() != b"content-length"]
            headers.append((b"Content-Length", str(len(spoilt)).encode()))
            body = spoilt
        client.sendall(written(start, headers, body))

    def drip(self, client, request, dice):
        """The answer comes in pieces of a few bytes."""
        answer = written(*forward(*request))
        head = min(len(answer), 2000)
        at = 0
        while at < head:
            step = dice.randrange(1, 8)
            client.sendall(answer[at : at + step])
            at += step
        client.sendall(answer[at:])

    def endless_headers(self, client, request, dice):
        """It arrives; the headers of the answer do not end."""
        start, headers, _ = forward(*request)
        client.sendall(written(start, headers, b"")[:-2])
        for at in range(20_000):
            client.sendall(b"x-%d: %s\r\n" % (at, b"y" * 100))
        raise Ended

    def wait(self, client, request, dice):
        time.sleep(dice.random() / 4)
        self.pass_on(client, request, dice)


def blob(at, metadata):
    head = b"<Blob><Name>%08d</Name><Properties><Etag>0x1</Etag><Content-Length>1</Content-Length>" % at
    return head + b"<BlobType>BlockBlob</BlobType></Properties><Metadata>" + metadata + b"</Metadata></Blob>"


def copied(at):
    state = b"<CopyId>1</CopyId><CopyStatus>failed</CopyStatus><CopyStatusDescription>%s</CopyStatusDescription>"
    return blob(at, b"").replace(b"<BlobType>", state % (b"x" * 20_000) + b"<BlobType>")


# Each page leads to another one: this marker is replaced before the page is sent.
MARKER = b"the next page ->"


def page(blobs):
    marker = b"<NextMarker>" + MARKER + b"</NextMarker></EnumerationResults>"
    return b"<EnumerationResults><Blobs>" + b"".join(blobs) + b"</Blobs>" + marker


def json_of(piece, size):
    return b'{"d":{"results":[' + b",".join([piece] * (size // (len(piece) + 1))) + b"]}}"


SIZE = 23 << 20
# Kind -> which requests are answered so, the start line, and the body.
OK = b"HTTP/1.1 200 OK"
FLOODS = {
    "pages": (b"comp=list", OK, lambda: page(blob(at, b"<m>%s</m>" % (b"x" * 4500)) for at in range(5000))),
    "usual-pages": (b"comp=list", OK, lambda: page(blob(at, b"<m>%s</m>" % (b"x" * 900)) for at in range(5000))),
    "backwards": (b"comp=list", OK, lambda: page(blob(9999 - at, b"") for at in range(5000))),
    "descriptions": (b"comp=list", OK, lambda: page(copied(at) for at in range(900))),
    "entries": (b"comp=list", OK, lambda: page(blob(at, b"") for at in range(120_000))),
    "metadata": (b"comp=list", OK, lambda: page([blob(1, b"".join(b"<m%d/>" % at for at in range(2_000_000)))])),
    "rows": (b"/api/Assets", OK, lambda: json_of(b"{}", SIZE)),
    "values": (b"/api/Assets", OK, lambda: b'{"d":{"results":[{"Id":"a","Tags":' + json_of(b"0", SIZE)[16:-1] + b"}]}}"),
    "refusals": (b"/api/Assets", b"HTTP/1.1 400 No", lambda: b'{"error":{"code":' + json_of(b"0", SIZE) + b"}}"),
    "endless": (b"comp=list", OK, None),
    "headers": (b"comp=list", OK, None),
}


class Flood:
    """Sends huge answers to the requests of one kind. After so many megabytes, it refuses them."""

    def __init__(self, kind, megabytes):
        self.wanted, self.start, self.make = FLOODS[kind]
        self.kind, self.left, self.sent, self.lock = kind, megabytes << 20, 0, threading.Lock()
        self.body = self.make() if self.make else b"x" * (1 << 20)

    def send(self, client, harm):
        client.sendall(harm)
        with self.lock:
            self.sent += len(harm)

    def exchange(self, client, request):
        line = request[0].split(b" ")[1]
        path = urlsplit(line.decode()).path + "?" + urlsplit(line.decode()).query
        if self.wanted not in path.encode():
            client.sendall(written(*forward(*request)))
            return
        with self.lock:
            self.left -= len(self.body)
            over = self.left < 0
        if over:
            client.sendall(b"HTTP/1.1 403 Enough\r\nContent-Length: 0\r\n\r\n")
        elif self.kind == "headers":
            client.sendall(self.start + b"\r\n")
            for at in range(9_000):
                self.send(client, b"x-%d: %s\r\n" % (at, b"y" * 4000))
            raise Ended
        elif self.kind == "endless":
            client.sendall(self.start + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(200):
                self.send(client, b"%x\r\n" % len(self.body) + self.body + b"\r\n")
            raise Ended
        else:
            client.sendall(self.start + b"\r\nContent-Length: %d\r\n\r\n" % len(self.body))
            before, marker, after = self.body.rpartition(MARKER)
            self.send(client, before)
            self.send(client, (os.urandom(len(MARKER) // 2).hex().encode() if marker else b"") + after)


def serve(client, harm):
    client.settimeout(LONGEST_WAIT)
    reader = Reader(client)
    try:
        while True:
            harm.exchange(client, reader.message(lambda _: True))
    except (Ended, OSError):
        pass
    finally:
        client.close()


def accept(listener, harm):
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, harm), daemon=True).start()


def main():
    kind, *rest = sys.argv[1:]
    harm = Chaos(int(rest[0])) if kind == "chaos" else Flood(rest[0], int(rest[1]))
    listener = socket.create_server((LOOPBACK, 0), backlog=512)
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=accept, args=(listener, harm), daemon=True).start()
    sys.stdin.read()
    print(harm.sent, flush=True)


main()
