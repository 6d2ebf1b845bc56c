"""One process of a dataflow. `prepare` makes what it reads; `run` meets the other processes and runs it with them.

A process of Bytewax waits for its peers for ever, takes a peer that has another list of processes for one of its own,
and dies when one of them dies. So each pod tells the others on port 9998 what it is, and starts Bytewax only when all
of them are there and made from the same template: a change of code or of the number of processes goes from pod to
pod, and old and new ones must never work together.
"""

import concurrent.futures
import http.client
import http.server
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
import uuid

WORKER_PORT = 9999
GATE_PORT = 9998
# A dataflow that cannot be built fails within this time; then it counts as running.
SETTLED = 5
PEERS_EVERY = 1
WATCH_EVERY = 5
SAY_EVERY = 30
# Longer than a name's absence stays in the caches of DNS.
PATIENCE = 40
GOES_WITHIN = 2
JOB_GOES_WITHIN = 15

env = os.environ
CODE = "/code"
FLOW = os.path.join(os.path.dirname(os.path.abspath(__file__)), "flow.py")
SECRET = "/secret/env"


def say(text):
    print(text, flush=True)


def fail(text):
    print("error: " + text, file=sys.stderr, flush=True)
    sys.exit(1)


def hosts():
    """Address of each process, in the order of their numbers."""
    service = f"{env['WINDLASS_SERVICE']}.{env['POD_NAMESPACE']}.svc.{env['WINDLASS_CLUSTER_DOMAIN']}"
    return [f"{env['WINDLASS_NAME']}-{index}.{service}" for index in range(int(env["BYTEWAX_REPLICAS"]))]


def number():
    """The number of this process: a Job's pods are told, a StatefulSet's have it in their name."""
    index = env.get("JOB_COMPLETION_INDEX")
    return int(index if index is not None else env["BYTEWAX_POD_NAME"].rpartition("-")[2])


# --- prepare ---


def prepare():
    with open(env["BYTEWAX_HOSTFILE_PATH"], "w") as file:
        file.writelines(f"{host}:{WORKER_PORT}\n" for host in hosts())
    work = env["BYTEWAX_WORKDIR"]
    # Left of an earlier run, where the node restarted this pod.
    for name in os.listdir(work):
        path = os.path.join(work, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.remove(path)
    if env["WINDLASS_TREE"] == "true":
        unpack(os.path.join(CODE, "files.tar"), work)
    else:
        # What begins with two dots is Kubernetes' own.
        for name in os.listdir(CODE):
            if not name.startswith(".."):
                shutil.copyfile(os.path.join(CODE, name), os.path.join(work, name))
    entry = env.get("BYTEWAX_PYTHON_FILE_PATH", "").partition(":")[0]
    if entry and not os.path.isfile(entry):
        there = sorted(os.path.relpath(os.path.join(folder, name), work) for folder, _, names in os.walk(work) for name in names)
        fail(f"the entry {os.path.relpath(entry, work)} is not among the files: {', '.join(there[:20])}")
    if env.get("BYTEWAX_RECOVERY_DIRECTORY"):
        make_partitions(env["BYTEWAX_RECOVERY_DIRECTORY"], env["WINDLASS_RECOVERY_PARTS"])


def unpack(path, to):
    with tarfile.open(path) as tar:
        members = tar.getmembers()
        for member in members:
            inside = os.path.realpath(os.path.join(to, member.name))
            if not (member.isfile() or member.isdir()) or os.path.commonpath([os.path.realpath(to), inside]) != os.path.realpath(to):
                fail(f"{member.name!r} in the tree of files is no plain file in it")
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
        tar.extractall(to, members)


def make_partitions(folder, count):
    """Partitions are made once. All pods try; each makes some beside their place, and the first to rename them wins."""
    new = f"{folder}.{number()}.new"
    shutil.rmtree(new, ignore_errors=True)
    if not os.path.isdir(folder):
        os.makedirs(new)
        subprocess.run([sys.executable, "-m", "bytewax.recovery", new, count], check=True)
        try:
            os.rename(new, folder)
            say(f"made {count} recovery partitions")
        except OSError:
            shutil.rmtree(new)
            if not os.path.isdir(folder):
                raise
    there = sum(name.startswith("part-") for name in os.listdir(folder))
    if there != int(count):
        say(f"the recovery volume has {there} partitions since it was made; {count} are asked for, which changes nothing")


# --- run ---


class Gate:
    """What this process is and does, for its peers and for the kubelet."""

    def __init__(self):
        self.state = "beginning"
        self.since = time.monotonic()
        # A peer that started anew has lost its connections, whether or not ours know it.
        self.life = uuid.uuid4().hex
        self.name = hosts()[number()].partition(".")[0]
        self.revision = env["WINDLASS_REVISION"]

    def become(self, state):
        self.state, self.since = state, time.monotonic()

    def ready(self):
        # An update goes on to the next pod only when this one is ready, and this one waits for that pod: so it is ready
        # where it waits for pods of another revision, and where it has waited for long, as those may never answer.
        return self.state in ("updating", "overdue", "running", "ended")

    def listen(self):
        gate = self

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                text = f"{gate.name} {gate.revision} {gate.life} {gate.state}\n".encode()
                self.send_response(503 if self.path == "/ready" and not gate.ready() else 200)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            address_family = socket.AF_INET6 if os.path.exists("/proc/net/if_inet6") else socket.AF_INET
            daemon_threads = True

            def server_bind(self):
                if self.address_family == socket.AF_INET6:
                    self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                super().server_bind()

        threading.Thread(target=Server(("", GATE_PORT), Answer).serve_forever, daemon=True).start()


def ask(host):
    """(revision, life, state) of a peer; None where it does not answer, or where another pod has its old address."""
    try:
        connection = http.client.HTTPConnection(host, GATE_PORT, timeout=2)
        connection.request("GET", "/")
        name, revision, life, state = connection.getresponse().read(1000).decode().split()
        connection.close()
    except (OSError, http.client.HTTPException, ValueError):
        return None
    return (revision, life, state) if name == host.partition(".")[0] else None


def has_name(host):
    try:
        return bool(socket.getaddrinfo(host, WORKER_PORT))
    except OSError:
        return False


class Process:
    def __init__(self):
        everyone = hosts()
        if number() >= len(everyone):
            fail(f"this is process {number()} of {len(everyone)}: the number of processes is changed in the release, not by scaling")
        self.peers = everyone[: number()] + everyone[number() + 1 :]
        self.own = everyone[number()]
        self.pool = concurrent.futures.ThreadPoolExecutor(max_workers=16)
        self.gate = Gate()
        self.child = None
        self.stopped = None
        # A Job's pods end one by one and are missed by nobody.
        self.is_job = "JOB_COMPLETION_INDEX" in env
        self.keeps_alive = env.get("BYTEWAX_KEEP_CONTAINER_ALIVE") == "true"

    def stop(self, signum, _):
        self.stopped = signum
        if self.child and self.child.poll() is None:
            self.child.send_signal(signum)
        else:
            os._exit(0 if self.gate and self.gate.state == "ended" else 128 + signum)

    def ask_peers(self):
        return dict(zip(self.peers, self.pool.map(ask, self.peers)))

    def meet(self):
        """Returns the peers once all are there with this revision, or None where the dataflow has ended meanwhile."""
        said = begun = 0
        while True:
            peers = self.ask_peers()
            missing = {host.partition(".")[0]: peer for host, peer in peers.items() if not peer or peer[0] != self.gate.revision}
            # Bytewax gives up where its own name is not known, and a pod may be faster than DNS.
            if not has_name(self.own):
                missing[self.gate.name] = None
            # It ends for all at once: a pod that comes later has nothing to do.
            if not missing and self.keeps_alive and any(peer[2] == "ended" for peer in peers.values()):
                return None
            if not missing:
                return peers
            begun = begun or time.monotonic()
            others = [peer for peer in missing.values() if peer]
            late = time.monotonic() - begun > PATIENCE or any(peer and peer[2] == "overdue" for peer in peers.values())
            self.gate.become("updating" if others else "overdue" if late else "waiting")
            if not said or time.monotonic() - said >= SAY_EVERY:
                said = time.monotonic()
                say("waiting for " + ", ".join(f"{name} ({'of another revision' if peer else 'no answer'})" for name, peer in missing.items()))
            time.sleep(PEERS_EVERY)

    def lost(self, met):
        """The peers that are not those any more that this process met."""
        now = self.ask_peers()
        return [host.partition(".")[0] for host in self.peers if not now[host] or now[host][:2] != met[host][:2]]

    def run_once(self, met):
        """Runs the dataflow to its end. Returns its exit code, or None where it has to start again with its peers."""
        self.gate.become("starting")
        self.child = subprocess.Popen([sys.executable, FLOW, target()], cwd=env["BYTEWAX_WORKDIR"], env=environment())
        while True:
            try:
                code = self.child.wait(timeout=PEERS_EVERY if self.gate.state == "starting" else WATCH_EVERY)
                break
            except subprocess.TimeoutExpired:
                pass
            now = self.ask_peers()
            # A peer may find the others late, and Bytewax does nothing before the last one is there.
            at_work = all(peer and peer[0] == self.gate.revision and peer[2] in ("starting", "running", "ended") for peer in now.values())
            if self.gate.state == "starting" and at_work and time.monotonic() - self.gate.since >= SETTLED:
                self.gate.become("running")
            # A connection to a node that is gone may hang for ever. The old peer's successor says so.
            anew = [host.partition(".")[0] for host, peer in now.items() if peer and peer[0] == self.gate.revision and peer[1] != met[host][1]]
            if anew and not self.stopped:
                say(f"{', '.join(anew)} started anew, so this process does too")
                self.child.kill()
                self.child.wait()
                return None
        if self.stopped:
            sys.exit(128 + self.stopped)
        code = code if code >= 0 else 128 - code
        if code in (0, 1):
            return code
        # Not the dataflow's own code failed here. Where a peer has gone, this one has died of that, and its pod is not
        # what failed; a peer that failed by itself takes a moment to go.
        if self.is_job:
            # A Job that has failed for good removes the pods that have not ended, so what is left to see is the cause.
            say(f"Process failed with exit code {code}: most likely a peer has failed, which its log tells")
            time.sleep(JOB_GOES_WITHIN)
        else:
            time.sleep(GOES_WITHIN)
            lost = self.lost(met)
            if lost:
                say(f"Process failed with exit code {code}: lost {', '.join(lost)}")
                return None
        return code

    def run(self):
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        self.gate.listen()
        code = None
        while code is None:
            met = self.meet()
            if met is None:
                say("the dataflow has ended already")
                break
            code = self.run_once(met)
        if code:
            print(f"Process failed with exit code {code}.", file=sys.stderr, flush=True)
            sys.exit(code)
        if code == 0:
            say("Process ended.")
        if self.keeps_alive:
            self.gate.become("ended")
            say("Keeping container alive...")
            while True:
                signal.pause()


def target():
    return env.get("BYTEWAX_PYTHON_FILE_PATH") or env["BYTEWAX_IMPORT_STR"]


def environment():
    """The container's, and the lines KEY=VALUE of the secret."""
    known = dict(env)
    if os.path.exists(SECRET):
        with open(SECRET, encoding="utf-8") as file:
            for count, line in enumerate(file, 1):
                line = line.strip()
                key, equals, value = line.partition("=")
                if line and not line.startswith("#"):
                    if not equals:
                        fail(f"line {count} of the secret environment is not KEY=VALUE")
                    known[key.strip()] = value.strip()
    if "JOB_COMPLETION_INDEX" in env:
        known["BYTEWAX_PROCESS_ID"] = str(number())
    return known


if __name__ == "__main__":
    if sys.argv[1:] == ["prepare"]:
        prepare()
    else:
        Process().run()
