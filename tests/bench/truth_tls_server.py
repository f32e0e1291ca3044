"""An independent server over TLS for truth.ts: OpenAI's chat completions, timed tokens, a log.

    python3 truth_tls_server.py PORT CERT KEY LOG

Query of the request: ttft and itl in microseconds. TLS runs over memory, so that the arrival is the
kernel's receive stamp of the bytes that ended the request, and a token's time is taken between its
encryption and its send(). LOG is written on SIGTERM: rows of 1032 uint64, as truth_server.c's.
"""

import array
import gc
import heapq
import json
import re
import select
import signal
import socket
import ssl
import struct
import sys
import time

WIDTH = 1032
SO_TIMESTAMPNS = 35
HEAD = (b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: keep-alive\r\n"
        b"transfer-encoding: chunked\r\n\r\n")

rows = []
due = []
ending = False


def event(data):
    body = b"data: " + data + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(body), body)


def chunk(text, finish):
    return event(json.dumps({
        "id": "chat-1", "object": "chat.completion.chunk", "created": 1, "model": "truth",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}],
    }).encode())


TOKEN = chunk(" token", None)
LAST = chunk(" token", "length")


class Connection:
    def __init__(self, sock, context):
        self.sock = sock
        self.arrived = ssl.MemoryBIO()
        self.leaving = ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.arrived, self.leaving, server_side=True)
        self.ready = False
        self.text = b""
        self.row = None
        self.left = 0
        self.itl = 0

    def flush(self):
        data = self.leaving.read()
        if not data:
            return
        self.sock.setblocking(True)
        self.sock.sendall(data)
        self.sock.setblocking(False)

    def receive(self):
        """False = the connection is over."""
        while True:
            try:
                data, control, _, _ = self.sock.recvmsg(65536, 128)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not data:
                return False
            at = stamp_of(control)
            self.arrived.write(data)
            try:
                if not self.ready:
                    self.tls.do_handshake()
                    self.ready = True
                while True:
                    text = self.tls.read(65536)
                    if not text:
                        return False
                    self.text += text
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                return False
            self.flush()
            self.requests(at)

    def requests(self, at):
        end = self.text.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.text[:end + 4]
        found = re.search(rb"content-length: *(\d+)", head, re.I)
        size = len(head) + (int(found[1]) if found else 0)
        if len(self.text) < size:
            return
        body, self.text = self.text[len(head):size], self.text[size:]
        if not head.startswith(b"POST "):
            reply = b'{"object":"list","data":[{"id":"truth","object":"model"}]}'
            self.tls.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                           b"content-length: %d\r\n\r\n%s" % (len(reply), reply))
            self.flush()
            return
        asked = re.search(rb'"max(?:_completion)?_tokens": *(\d+)', body)
        self.left = int(asked[1]) if asked else 16
        line = head.split(b"\r\n", 1)[0]
        number = lambda name: int(re.search(name + rb"=(\d+)", line)[1]) * 1000
        self.itl = number(b"itl")
        self.row = array.array("Q", [at])
        rows.append(self.row)
        self.tls.write(HEAD)
        self.flush()
        heapq.heappush(due, (at + number(b"ttft"), id(self), self))

    def token(self, planned):
        self.left -= 1
        self.tls.write(LAST if self.left == 0 else TOKEN)
        data = self.leaving.read()
        self.row.append(time.monotonic_ns())
        try:
            self.sock.send(data)
            if self.left == 0:
                self.tls.write(event(b"[DONE]") + b"0\r\n\r\n")
                self.flush()
        except OSError:
            return
        if self.left > 0:
            heapq.heappush(due, (planned + self.itl, id(self), self))


def stamp_of(control):
    now = time.monotonic_ns()
    for level, kind, data in control:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, ns = struct.unpack("qq", data[:16])
            return now - (time.time_ns() - seconds * 1_000_000_000 - ns)
    return now


def stop(*_):
    global ending
    ending = True


def wait(poll):
    left = (due[0][0] - time.monotonic_ns()) / 1e9 if due else 0.2
    # epoll waits in milliseconds, select in microseconds. Never in a loop of our own: a process at
    # real-time priority that does not sleep is stopped for a while.
    if left > 0:
        select.select([poll.fileno()], [], [], left)
    return poll.poll(0)


def main():
    port, cert, key, log = sys.argv[1:]
    signal.signal(signal.SIGTERM, stop)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.set_alpn_protocols(["http/1.1"])
    listener = socket.create_server(("127.0.0.1", int(port)), backlog=1024)
    listener.setblocking(False)
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    connections = {}
    gc.disable()
    print(f"listening on {port}", file=sys.stderr, flush=True)
    while not ending:
        for fd, _ in wait(poll):
            if fd == listener.fileno():
                try:
                    while True:
                        sock, _ = listener.accept()
                        sock.setblocking(False)
                        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
                        connections[sock.fileno()] = Connection(sock, context)
                        poll.register(sock, select.EPOLLIN)
                except BlockingIOError:
                    continue
            elif not connections[fd].receive():
                poll.unregister(fd)
                connections.pop(fd).sock.close()
        while due and due[0][0] <= time.monotonic_ns():
            planned, _, one = heapq.heappop(due)
            one.token(planned)
    with open(log, "wb") as file:
        for row in rows:
            file.write(row[:WIDTH].tobytes() + bytes(8 * max(0, WIDTH - len(row))))


main()
