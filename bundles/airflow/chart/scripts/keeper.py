"""Beside the scheduler and the workers: removes old logs, and says which commit of the DAGs is there.

GET /commit   {"commit": …, "recent": […]}, 503 where git-sync has published none; GET / is always 200
"""

import json
import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOGS = os.environ.get("WINDLASS_LOGS_FOLDER", "/opt/airflow/logs")
LINK = os.environ.get("WINDLASS_DAGS_LINK", "/opt/airflow/dags/repo")
DAYS = float(os.environ.get("WINDLASS_LOG_DAYS", "0"))
PORT = int(os.environ.get("WINDLASS_PORT", "8976"))
recent = []


def commit():
    """git-sync names the folder, to which its link leads, like the commit; empty where it leads nowhere."""
    try:
        name = os.path.basename(os.readlink(LINK))
    except OSError:
        return ""
    return name if os.path.isdir(LINK) else ""


def noted():
    now = commit()
    if now and now not in recent:
        # Those before stay known for a while: who asks whether a commit has arrived may come late.
        recent[:] = [*recent[-9:], now]
    return now


def clean(folder, before):
    """Removes files that were written last before that time, and folders that are empty then."""
    removed = 0
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in files:
            path = os.path.join(parent, name)
            try:
                if os.lstat(path).st_mtime < before:
                    os.remove(path)
                    removed += 1
            except FileNotFoundError:
                pass
        for name in folders:
            path = os.path.join(parent, name)
            try:
                # One that was made just now may be about to be filled.
                if not os.path.islink(path) and os.lstat(path).st_mtime < before:
                    os.rmdir(path)
            except OSError:
                pass
    return removed


def keep():
    last = 0.0
    while True:
        noted()
        if DAYS > 0 and time.monotonic() - last > 3600 or not last:
            last = time.monotonic()
            try:
                removed = clean(LOGS, time.time() - DAYS * 86400) if DAYS > 0 else 0
                if removed:
                    print(f"removed {removed} logs that are older than {DAYS:g} days", flush=True)
            except OSError as error:
                print(f"failed to remove old logs: {error}", flush=True)
        time.sleep(2)


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        now = noted()
        if self.path == "/commit":
            self.say(200 if now else 503, {"commit": now, "recent": recent})
        else:
            self.say(200, {})

    def say(self, status, what):
        body = json.dumps(what).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Probes are no news."""


if __name__ == "__main__":
    # The first process of a container hears no signal that it does not ask for.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    threading.Thread(target=keep, daemon=True).start()
    ThreadingHTTPServer(("", PORT), Answer).serve_forever()
