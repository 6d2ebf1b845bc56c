"""A proxy on loopback before a real registry, which does what proxies and registries under load do to pushes."""

import http.client, http.server, socket, struct, threading, time

PIECE = 64 << 10
HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-connection"}


class Proxy:
    """One fault at a time: `fault` is None or a pair of its name and its number; `left` is how often it still happens."""

    def __init__(self, port, upstream):
        self.upstream, self.fault, self.left, self.hits = upstream, None, 0, 0
        self.lock = threading.Lock()
        handler = type("Handler", (Handler,), {"proxy": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def does(self, name, number=None, times=1 << 30):
        self.fault, self.left, self.hits = (name, number), times, 0

    def strikes(self, name):
        """Whether this fault happens now; it has happened then."""
        with self.lock:
            if self.fault is None or self.fault[0] != name or self.left <= 0:
                return False
            self.left, self.hits = self.left - 1, self.hits + 1
            return True


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy = None

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, http.client.HTTPException, OSError):
            self.close_connection = True

    def answer(self, status, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def reset(self):
        """Ends the connection as a router does that has forgotten it."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionError("reset")

    def forward(self):
        proxy, length = self.proxy, int(self.headers.get("Content-Length") or 0)
        uploads = "/blobs/uploads/" in self.path
        sends = uploads and length > 0 and self.command in ("PUT", "PATCH")
        fault, number = proxy.fault or (None, None)
        if fault == "limit" and sends and length > number and proxy.strikes("limit"):
            return self.answer(413)
        if "mount=" in self.path and proxy.strikes("mount"):
            return self.answer(401)
        if uploads and proxy.strikes("busy"):
            return self.answer(429, Retry_After="1")
        if sends and proxy.strikes("broken"):
            return self.answer(500)
        upstream = http.client.HTTPConnection(*proxy.upstream.split(":"), timeout=60)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in HOP:
                    upstream.putheader(name, value)
            upstream.endheaders()
            read, begun = 0, time.monotonic()
            while read < length:
                piece = self.rfile.read(min(PIECE, length - read))
                if not piece:
                    raise ConnectionError("the client went away")
                upstream.send(piece)
                read += len(piece)
                if sends and fault == "reset" and read > number and proxy.strikes("reset"):
                    self.reset()
                if sends and fault == "cut":
                    time.sleep(0.02)
                    if time.monotonic() - begun > number and proxy.strikes("cut"):
                        self.reset()
                if sends and fault == "slow":
                    time.sleep(len(piece) / number)
                    proxy.hits += 1
            response = upstream.getresponse()
            data = response.read()
            if sends and response.status == 201 and proxy.strikes("lost"):
                return self.answer(504)
            self.send_response(response.status)
            for name, value in response.getheaders():
                if name.lower() not in HOP | {"date", "server", "content-length"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", response.getheader("Content-Length") if self.command == "HEAD" and response.getheader("Content-Length") else str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)
        finally:
            upstream.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = forward
