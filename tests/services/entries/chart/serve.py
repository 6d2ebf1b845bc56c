"""Holds entries in memory and counts what is written to it. Opened by a password, but for /count and what a test changes."""

import base64
import http.server
import json
import os
import threading
import urllib.parse


def login(password):
    return "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()


# As a database holds its passwords: changed by who knows the one that counts.
FIRST = login(os.environ["ADMIN_PASSWORD"])
opens = FIRST
# Answers that nobody may repeat.
WORD = "word-that-only-the-service-has"
COMMENT = "comment-that-nobody-asked-for"
REFUSED = "refusal-with-what-is-inside"

lock = threading.Lock()
entries = {}
counts = {"POST": 0, "PUT": 0, "asked": 0, "state": 0, "refused": 0, "password": 0}
elsewhere = []


class Answer(http.server.BaseHTTPRequestHandler):
    def answer(self, status, value, to=None):
        body = json.dumps(value).encode()
        self.send_response(status)
        if to:
            self.send_header("Location", to)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def sent(self):
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")

    def serve(self):
        global opens
        url = urllib.parse.urlsplit(self.path)
        with lock:
            if self.headers.get("Host", "").startswith("other."):
                elsewhere.append({"path": url.path, "authorization": "Authorization" in self.headers})
            if url.path == "/live":
                return self.answer(200, "alive")
            if url.path == "/count":
                passwords = [entry["password"] for entry in entries.values()]
                return self.answer(200, {**counts, "elsewhere": elsewhere, "passwords": passwords})
            if url.path == "/by-hand":
                for entry in entries.values():
                    entry["host"] = url.query
                return self.answer(200, len(entries))
            if url.path in ("/changed-by-hand", "/changed-back"):
                opens = FIRST if url.path == "/changed-back" else "none"
                return self.answer(200, 0)
            if url.path == "/forget":
                entries.clear()
                return self.answer(200, 0)
            if self.headers.get("Authorization") != opens:
                counts["refused"] += 1
                return self.answer(401, {"error": REFUSED})
            counts["asked"] += 1
            self.opened(url.path)

    def opened(self, path):
        global opens
        shown = [{"id": id, "name": entry["name"], "host": entry["host"], "comment": COMMENT} for id, entry in entries.items()]
        if self.command == "GET" and path == "/state":
            counts["state"] += 1
            self.answer(200, {"state": "ready" if counts["state"] > 2 else "starting"})
        elif self.command == "GET" and path == "/entries":
            self.answer(200, {"entries": shown})
        elif self.command == "POST" and path == "/entries":
            counts["POST"] += 1
            entries[f"e{counts['POST']}"] = self.sent()
            self.answer(201, {})
        elif self.command == "PUT" and path.removeprefix("/entries/") in entries:
            counts["PUT"] += 1
            entries[path.removeprefix("/entries/")] = self.sent()
            self.answer(200, {})
        elif self.command == "GET" and path == "/word":
            self.answer(200, {"inside": [{"word": WORD}]})
        elif self.command == "POST" and path == "/known":
            self.answer(200, {"known": self.sent() == {"word": WORD}})
        elif self.command == "POST" and path == "/password":
            counts["password"] += 1
            opens = login(self.sent()["password"])
            self.answer(200, {})
        elif self.command == "GET" and path == "/connection":
            # What was made of the password says the same as it.
            url = urllib.parse.urlsplit(os.environ["CONNECTION"])
            self.answer(200, {"fits": login(urllib.parse.unquote(url.password)) == opens})
        elif path == "/home":
            self.answer(302, {}, "/word")
        elif path == "/away":
            self.answer(302, {}, "http://other.example:8080/word")
        else:
            self.answer(404, {"error": self.path})

    do_GET = do_POST = do_PUT = serve

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("", 8080), Answer).serve_forever()
