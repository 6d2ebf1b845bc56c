#!/usr/bin/env python3
"""A stand-in for Neoflex Datagram in the windlass sandbox: what an installation touches of it, and nothing else.

A login by basic auth (first start: admin/admin), objects with unique names at /api/teneo/CLASS, their state in
PostgreSQL, and a git repository with two DAGs at /git/default. It takes the environment of the real image.
"""

import base64
import gzip
import hashlib
import hmac
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import psycopg2
import psycopg2.errors
import psycopg2.extras

DAGS = pathlib.Path(__file__).parent / "dags"
DAGS_FOLDER = "sources/WorkflowDeployment"
FIRST_USER, FIRST_PASSWORD = "admin", "admin"
DATABASE_WAIT_SECONDS = 120
LARGEST_BODY = 4 << 20
LOCK = 7_205_759


def log(text):
    print(time.strftime("%FT%TZ", time.gmtime()), "datagram stand-in:", text, file=sys.stderr, flush=True)


def fail(text):
    log(f"error: {text}")
    sys.exit(1)


class Failure(Exception):
    """An answer that is not 2xx."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


def parse_jdbc(url):
    """jdbc:postgresql://HOST:PORT/DATABASE?sslmode=… as psycopg2's arguments."""
    parts = urllib.parse.urlsplit(url.removeprefix("jdbc:"))
    if not url.startswith("jdbc:postgresql://") or not parts.hostname or len(parts.path) < 2:
        fail(f"TENEO_URL={url} is not jdbc:postgresql://HOST:PORT/DATABASE")
    arguments = {"host": parts.hostname, "port": parts.port or 5432, "dbname": urllib.parse.unquote(parts.path[1:])}
    for name, value in urllib.parse.parse_qsl(parts.query):
        if name in ("sslmode", "sslrootcert"):
            arguments[name] = value
        else:
            log(f"warning: {name} of TENEO_URL has no effect on the stand-in")
    return arguments


class Database:
    """A connection for each request: a database that was restarted needs nothing then."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.room = threading.BoundedSemaphore(8)

    def __call__(self, *statements):
        """Runs (SQL, arguments) pairs in one transaction; gives the rows of the last."""
        with self.room:
            try:
                connection = psycopg2.connect(**self.arguments, connect_timeout=5, application_name="datagram")
            except psycopg2.OperationalError as error:
                raise Failure(503, f"the database does not answer: {str(error).strip()}") from error
            try:
                with connection, connection.cursor() as cursor:
                    for sql, arguments in statements:
                        cursor.execute(sql, arguments)
                    return cursor.fetchall() if cursor.description else []
            except psycopg2.errors.UniqueViolation as error:
                raise Failure(409, "an object of this class has this name already") from error
            except psycopg2.OperationalError as error:
                raise Failure(503, f"the database went away: {str(error).strip()}") from error
            finally:
                connection.close()

    def prepare(self):
        """Waits for the database, and makes the tables and the first login where they are missing."""
        deadline = time.monotonic() + DATABASE_WAIT_SECONDS
        while True:
            try:
                self(
                    ("SELECT pg_advisory_xact_lock(%s)", (LOCK,)),
                    ("CREATE TABLE IF NOT EXISTS datagram_user (name text PRIMARY KEY, salt bytea NOT NULL, hash bytea NOT NULL)", ()),
                    (
                        "CREATE TABLE IF NOT EXISTS datagram_object (e_id bigserial PRIMARY KEY, class text NOT NULL,"
                        " name text NOT NULL, body jsonb NOT NULL, UNIQUE (class, name))",
                        (),
                    ),
                    (
                        "INSERT INTO datagram_user SELECT %s, %s, %s WHERE NOT EXISTS (SELECT FROM datagram_user)",
                        (FIRST_USER, *hashed(FIRST_PASSWORD)),
                    ),
                )
                return
            except Failure as failure:
                log(f"waiting for the database at {self.arguments['host']}:{self.arguments['port']}: {failure}")
                if time.monotonic() > deadline:
                    fail(f"the database did not answer within {DATABASE_WAIT_SECONDS} s")
            except psycopg2.Error as error:
                fail(f"failed to make the tables: {str(error).strip()}")
            time.sleep(2)


def hashed(password, salt=None):
    salt = salt or secrets.token_bytes(16)
    return salt, hashlib.pbkdf2_hmac("sha256", password.encode(), bytes(salt), 10_000)


# --- git ------------------------------------------------------------------------------------------------------------

# The volume's top folder belongs to root: git would refuse a repository in it.
GIT = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8", "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1",
       "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}


def make_repository(repository):
    """A bare repository with the DAGs, beside its name and renamed when it is whole."""
    if (repository / "HEAD").exists():
        return
    making = repository.with_name(repository.name + ".tmp")
    shutil.rmtree(making, ignore_errors=True)
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
           for what, value in {"NAME": "Datagram", "EMAIL": "datagram@localhost", "DATE": "2025-01-01T00:00:00Z"}.items()}
    environment = GIT | who | {"GIT_INDEX_FILE": str(making / "first.index")}

    def git(*arguments):
        return subprocess.run(["git", "-C", making, *arguments], env=environment, check=True, capture_output=True, text=True).stdout.strip()

    making.mkdir(parents=True)
    git("init", "-q", "--bare", "--initial-branch=master")
    for name, value in {"http.receivepack": "true", "uploadpack.allowReachableSHA1InWant": "true"}.items():
        git("config", name, value)
    for dag in sorted(DAGS.glob("*.py")):
        blob = git("hash-object", "-w", str(dag))
        git("update-index", "--add", "--cacheinfo", f"100644,{blob},{DAGS_FOLDER}/{dag.name}")
    git("update-ref", "refs/heads/master", git("commit-tree", "-m", "The DAGs of the sandbox", git("write-tree")))
    making.joinpath("first.index").unlink()
    making.rename(repository)
    log(f"made the repository {repository}")


# --- HTTP -----------------------------------------------------------------------------------------------------------

LOGIN_PAGE = b"<!DOCTYPE html><title>Datagram (stand-in)</title><h1>Datagram (stand-in)</h1><p>Log in with basic auth.</p>\n"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "datagram-stand-in", ""
    timeout = 60
    database = repository = None  # set by main
    busy, busy_lock = 0, threading.Lock()

    def handle_method(self):
        with Handler.busy_lock:
            Handler.busy += 1
        self.user, self.answered = None, False
        try:
            url = urllib.parse.urlsplit(self.path)
            self.route(urllib.parse.unquote(url.path), url.query)
        except Failure as failure:
            self.answer(failure.status, {"error": str(failure)})
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception as error:  # a fault of this server: say it in the answer too
            log(f"error: {type(error).__name__}: {error}")
            self.close_connection = True
            if not self.answered:
                self.answer(500, {"error": type(error).__name__})
        finally:
            with Handler.busy_lock:
                Handler.busy -= 1

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_method

    def route(self, path, query):
        if path in ("/login", "/login.html"):
            return self.answer_bytes(200, LOGIN_PAGE, {"Content-Type": "text/html; charset=utf-8"})
        if path == "/" and "Authorization" not in self.headers:
            return self.answer_bytes(302, b"", {"Location": "/login"})
        self.body = self.read_body()
        self.user = self.logged_in()
        if path == "/":
            return self.answer_bytes(200, LOGIN_PAGE, {"Content-Type": "text/html; charset=utf-8"})
        if path == "/health":
            return self.answer(200, {"status": "UP"})
        if path == "/api/auth/password":
            return self.change_password()
        if found := re.fullmatch(r"/api/teneo/([A-Za-z0-9_.]+)(?:/([0-9]+))?", path):
            return self.objects(found[1], found[2] and int(found[2]))
        if path.startswith("/git/default/"):
            return self.git(path.removeprefix("/git/default"), query)
        raise Failure(404, f"there is no {path}")

    def logged_in(self):
        """The login's name. Asked of the database every time: another process may have changed the password."""
        try:
            scheme, _, token = self.headers.get("Authorization", "").partition(" ")
            user, _, password = base64.b64decode(token, validate=True).decode().partition(":")
        except ValueError:
            raise Failure(401, "the login cannot be read") from None
        if scheme.lower() != "basic":
            raise Failure(401, "log in with basic auth")
        rows = self.database(("SELECT salt, hash FROM datagram_user WHERE name = %s", (user,)))
        if not rows or not hmac.compare_digest(hashed(password, rows[0][0])[1], bytes(rows[0][1])):
            raise Failure(401, "wrong user or password")
        return user

    def change_password(self):
        if self.command != "POST":
            raise Failure(405, "POST a password")
        new = self.json_body().get("password")
        if not isinstance(new, str) or not new:
            raise Failure(400, "password is missing")
        self.database(("UPDATE datagram_user SET salt = %s, hash = %s WHERE name = %s", (*hashed(new), self.user)))
        log(f"{self.user} changed the password")
        self.answer(200, {"user": self.user})

    def objects(self, kind, number):
        if self.command in ("GET", "HEAD"):
            sql = "SELECT e_id, name, body FROM datagram_object WHERE class = %s"
            if number is None:
                return self.answer(200, [shown(*row) for row in self.database((sql + " ORDER BY e_id", (kind,)))])
            rows = self.database((sql + " AND e_id = %s", (kind, number)))
            return self.answer(200, shown(*self.one(rows, kind, number)))
        if self.command == "DELETE" and number is not None:
            rows = self.database(("DELETE FROM datagram_object WHERE class = %s AND e_id = %s RETURNING e_id", (kind, number)))
            self.one(rows, kind, number)
            return self.answer_bytes(204, b"", {})
        if self.command != "POST" or number is not None:
            raise Failure(405, f"{self.command} is not for this address")
        body = self.json_body()
        name, number = body.pop("name", None), body.pop("e_id", None)
        body.pop("_type_", None)
        if not isinstance(name, str) or not name:
            raise Failure(400, "name is missing")
        if number in (None, ""):
            sql, arguments = "INSERT INTO datagram_object (class, name, body) VALUES (%s, %s, %s)", (kind, name)
            rows = self.database((sql + " RETURNING e_id, name, body", (*arguments, psycopg2.extras.Json(body))))
        else:
            if not re.fullmatch("[0-9]{1,18}", str(number)):
                raise Failure(400, "e_id is no number")
            sql = "UPDATE datagram_object SET name = %s, body = %s WHERE class = %s AND e_id = %s RETURNING e_id, name, body"
            rows = self.database((sql, (name, psycopg2.extras.Json(body), kind, int(number))))
        self.answer(200, shown(*self.one(rows, kind, number)))

    @staticmethod
    def one(rows, kind, number):
        if not rows:
            raise Failure(404, f"there is no {kind} with e_id {number}")
        return rows[0]

    def git(self, path, query):
        """git's own HTTP server, as a CGI program."""
        if self.command not in ("GET", "HEAD", "POST"):
            raise Failure(405, f"{self.command} is not for this address")
        environment = GIT | {
            "GIT_PROJECT_ROOT": str(self.repository), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path, "QUERY_STRING": query,
            "REQUEST_METHOD": self.command, "REMOTE_USER": self.user, "REMOTE_ADDR": self.client_address[0],
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(self.body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "TMPDIR": str(self.repository),
        }
        done = subprocess.run(["git", "http-backend"], env=environment, input=self.body, capture_output=True, check=False)
        if done.stderr:
            log(f"git: {done.stderr.decode(errors='replace').strip()}")
        head, found, body = done.stdout.partition(b"\r\n\r\n")
        if not found:
            raise Failure(500, "git http-backend gave no answer")
        headers = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n"))
        self.answer_bytes(int(headers.pop("Status", "200").split()[0]), body, headers)

    def json_body(self):
        try:
            body = json.loads(self.body)
        except ValueError:
            raise Failure(400, "the body is not JSON") from None
        if not isinstance(body, dict):
            raise Failure(400, "the body is not an object")
        return body

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b""
            while size := int(self.rfile.readline(32).split(b";")[0], 16):
                self.refuse_size(len(body) + size)
                body += self.rfile.read(size)
                self.rfile.readline(8)
            while self.rfile.readline(1024).strip():
                pass
        else:
            size = int(self.headers.get("Content-Length") or 0)
            self.refuse_size(size)
            body = self.rfile.read(size)
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        return body

    def refuse_size(self, size):
        if size > LARGEST_BODY:
            self.close_connection = True
            raise Failure(413, f"the body is larger than {LARGEST_BODY} bytes")

    def answer(self, status, value):
        headers = {"Content-Type": "application/json"}
        if status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="Datagram"'
        self.answer_bytes(status, json.dumps(value).encode() + b"\n", headers)

    def answer_bytes(self, status, body, headers):
        self.answered = True
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() != "content-length":
                self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_request(self, code="-", size="-"):
        """What changes something, or fails: no probes, no git-sync every few seconds. Never a body or a query."""
        path = getattr(self, "path", "-").split("?")[0]
        reads = self.command in ("GET", "HEAD") or path.endswith("/git-upload-pack")
        if not reads or int(code) >= 400 and "Authorization" in self.headers:
            log(f"{self.client_address[0]} {getattr(self, 'user', None) or '-'} {self.command} {path} {int(code)}")

    def log_message(self, format, *arguments):
        log(format % arguments)


def shown(number, name, body):
    return {"e_id": number, "name": name} | body


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def main():
    log("this is no Datagram but a server of the windlass sandbox that stands in for it")
    for variable in ("TENEO_URL", "TENEO_USER", "TENEO_PASSWORD"):
        if not os.environ.get(variable):
            fail(f"{variable} is not set")
    data = pathlib.Path(os.environ.get("DEPLOY_DIR") or "/data")
    Handler.database = Database(
        parse_jdbc(os.environ["TENEO_URL"]) | {"user": os.environ["TENEO_USER"], "password": os.environ["TENEO_PASSWORD"]}
    )
    Handler.repository = data / "default.git"
    # As process 1 there is no default for SIGTERM: it has to be there before anything that takes time.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    try:
        make_repository(Handler.repository)
    except (OSError, subprocess.CalledProcessError) as error:
        fail(f"failed to make {Handler.repository} (DEPLOY_DIR), as uid {os.getuid()}: {getattr(error, 'stderr', None) or error}")
    Handler.database.prepare()
    try:
        server = Server(("", int(os.environ.get("SERVER_PORT") or 8089)), Handler)
    except (OSError, ValueError, OverflowError) as error:
        fail(f"failed to listen on SERVER_PORT={os.environ.get('SERVER_PORT')}: {error}")

    def stop(*_):
        log("stopping")
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    log(f"serving on port {server.server_port}, the repository {Handler.repository} at /git/default")
    server.serve_forever(poll_interval=0.2)
    server.server_close()
    deadline = time.monotonic() + 10
    while Handler.busy and time.monotonic() < deadline:
        time.sleep(0.05)
    log("stopped")


if __name__ == "__main__":
    main()
