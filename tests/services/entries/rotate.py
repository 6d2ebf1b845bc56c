"""Has the service open with the new password. Ends well where it does already: a run may have been killed after it."""

import base64
import json
import os
import urllib.error
import urllib.request


def ask(path, password, sent=None):
    login = base64.b64encode(f"admin:{password}".encode()).decode()
    body = json.dumps(sent).encode() if sent else None
    urllib.request.urlopen(urllib.request.Request(os.environ["URL"] + path, body, {"Authorization": "Basic " + login}), timeout=10)


old, new = os.environ["OLD"], os.environ["NEW"]
try:
    ask("/state", new)
    print("it counts already")
except urllib.error.HTTPError as error:
    if error.code != 401:
        raise
    ask("/password", old, {"password": new})
    print("changed")
