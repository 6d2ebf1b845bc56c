"""Runs the chart's `process.py prepare` for three pods at once, kills them at moments all over it, and runs it again.

usage: prepare.py PROCESS.PY, with a Python that has bytewax. Afterwards the partitions must be whole, and nothing else left.
"""

import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

ROUNDS = 20
work = pathlib.Path(tempfile.mkdtemp())
code = work / "code"
code.mkdir()
(code / "flow.py").write_text("")
# Its folder is the pod's.
script = work / "process.py"
script.write_text(pathlib.Path(sys.argv[1]).read_text().replace('CODE = "/code"', f"CODE = {str(code)!r}"))
recovery = work / "recovery"


def prepare(pod):
    own = work / str(pod)
    own.mkdir(exist_ok=True)
    variables = {
        "BYTEWAX_POD_NAME": f"flow-{pod}",
        "BYTEWAX_REPLICAS": "3",
        "BYTEWAX_HOSTFILE_PATH": str(work / f"hosts{pod}"),
        "BYTEWAX_WORKDIR": str(own),
        "BYTEWAX_PYTHON_FILE_PATH": str(own / "flow.py"),
        "BYTEWAX_RECOVERY_DIRECTORY": str(recovery / "partitions"),
        "WINDLASS_RECOVERY_PARTS": "3",
        "WINDLASS_NAME": "flow",
        "WINDLASS_SERVICE": "flow",
        "WINDLASS_CLUSTER_DOMAIN": "cluster.local",
        "WINDLASS_TREE": "false",
        "POD_NAMESPACE": "bytewax",
    }
    return subprocess.Popen([sys.executable, script, "prepare"], env={**os.environ, **variables}, stdout=subprocess.DEVNULL, start_new_session=True)


def begin():
    shutil.rmtree(recovery, ignore_errors=True)
    recovery.mkdir()
    return [prepare(pod) for pod in range(3)]


# How long it takes is the machine's: the moments of killing are spread over it, from one at which nothing is done yet.
began = time.monotonic()
assert [pod.wait() for pod in begin()] == [0, 0, 0]
takes = time.monotonic() - began
killed = 0
for count in range(ROUNDS):
    pods = begin()
    time.sleep(takes * count / ROUNDS)
    for pod in pods:
        if pod.poll() is None:
            os.killpg(pod.pid, signal.SIGKILL)
            killed += 1
        pod.wait()
    codes = [pod.wait() for pod in [prepare(pod) for pod in range(3)]]
    assert codes == [0, 0, 0], codes
    assert os.listdir(recovery) == ["partitions"], os.listdir(recovery)
    parts = sorted(recovery.glob("partitions/*"))
    assert [part.name for part in parts] == ["part-0.sqlite3", "part-1.sqlite3", "part-2.sqlite3"], parts
    for part in parts:
        tables = {row[0] for row in sqlite3.connect(part).execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert {"snaps", "parts", "exs"} <= tables, tables
print(f"{ROUNDS} rounds, {killed} killed")
