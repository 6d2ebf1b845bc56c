"""A real registry (Debian's docker-registry), its log, a network with a delay, and what a command costs: for bench/push,
bench/bundle and tests/offline/real, which run in namespaces of their own."""

import dataclasses, datetime, errno, fcntl, json, os, pathlib, re, select, shutil, signal, socket, struct, subprocess, sys, threading, time
import urllib.error, urllib.parse, urllib.request

PORT = 5000
CONFIG = """version: 0.1
log: {level: info, formatter: json, accesslog: {disabled: false}}
storage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}
http: {addr: ":%d", secret: %s}
"""
# The wire's: /usr/include/linux/if_tun.h.
TUNSETIFF, TUNSETOFFLOAD = 0x400454CA, 0x400454D0
IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4 = 0x01, 0x02
ACCEPT = ", ".join(["application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json",
                    "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json"])


class Failed(Exception):
    pass


def say(text):
    print(text, file=sys.stderr, flush=True)


# --- the network


class Network:
    """A namespace with the registry's end of two wires: one without a delay, and one that holds every packet for half of
    `delay` seconds in each direction."""

    FAST, SLOW = "10.99.0.2", "10.99.1.2"

    def __init__(self, delay):
        run("ip", "link", "set", "lo", "up")
        self.holder = subprocess.Popen(["unshare", "--net", "--", "sleep", "infinity"])
        own = os.readlink("/proc/self/ns/net")
        wait_for("a network of the registry", 10, lambda: os.readlink(f"/proc/{self.holder.pid}/ns/net") != own)
        pid = str(self.holder.pid)
        self.within = ["nsenter", "--target", pid, "--net", "--"]
        run("ip", "link", "add", "fast0", "type", "veth", "peer", "name", "fast1", "netns", pid)
        self.wire = Wire("slow0", "slow1", delay / 2)
        run("ip", "link", "set", "slow1", "netns", pid)
        run(*self.within, "ip", "link", "set", "lo", "up")
        for name, network in ("fast", "10.99.0"), ("slow", "10.99.1"):
            run("ip", "address", "add", network + ".1/30", "dev", name + "0")
            run(*self.within, "ip", "address", "add", network + ".2/30", "dev", name + "1")
            for enter, end in ([], "0"), (self.within, "1"):
                run(*enter, "ip", "link", "set", name + end, "mtu", "1500", "txqueuelen", "20000", "up")
        self.wire.start()

    def sent(self):
        """Bytes that went to the registry, with their packets' headers."""
        lines = [line.replace(":", " ").split() for line in pathlib.Path("/proc/net/dev").read_text().splitlines()]
        return sum(int(line[9]) for line in lines if line[0] in ("fast0", "slow0"))

    def close(self):
        self.wire.stop()
        self.holder.kill()
        self.holder.wait()


class Wire:
    """Two TUN devices, and a process for each direction that hands packets on after a while. (The kernel's own netem is not
    everywhere.) Packets keep their virtio header, so that what the kernel sends as one piece of 64 KiB stays one."""

    def __init__(self, one, two, delay):
        self.delay, self.children = delay, []
        self.ends = [self.open(one), self.open(two)]

    @staticmethod
    def open(name):
        end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI | IFF_VNET_HDR))
        fcntl.ioctl(end, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4)
        return end

    def start(self):
        for source, target in self.ends, self.ends[::-1]:
            child = os.fork()
            if child == 0:
                self.carry(source, target)
                os._exit(0)
            self.children.append(child)

    def carry(self, source, target):
        waiting, at = [], 0
        poll = select.poll()
        poll.register(source, select.POLLIN)
        while True:
            left = waiting[at][0] - time.monotonic() if at < len(waiting) else 1.0
            # poll counts in whole milliseconds: what is due within half of one is due.
            if left > 0.0005:
                poll.poll(max(1, int(left * 1000)))
            try:
                while packet := os.read(source, 1 << 17):
                    waiting.append((time.monotonic() + self.delay, packet))
                    if len(waiting) - at > 1 and waiting[at][0] <= time.monotonic():
                        break
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    raise
            while at < len(waiting) and waiting[at][0] <= time.monotonic() + 0.0005:
                try:
                    os.write(target, waiting[at][1])
                except OSError:
                    pass  # An end that is not up loses packets, like any other.
                at += 1
            if at > 4096:
                del waiting[:at]
                at = 0

    def stop(self):
        for child in self.children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


# --- the registry


@dataclasses.dataclass(frozen=True)
class Request:
    """One line of the registry's log."""

    method: str
    path: str
    query: dict
    status: int
    begun: float
    ended: float

    @property
    def digest(self):
        """Of the blob that it sends or asks for; an upload says it with its last request."""
        found = self.query.get("digest") or self.query.get("mount") or re.findall(r"/blobs/(sha256:[0-9a-f]{64})$", self.path)
        return found[0] if found else None

    @property
    def repository(self):
        return re.sub(r"^/v2/|/(blobs|manifests|tags)/.*$", "", self.path)

    @property
    def sends_blob(self):
        return self.method in ("PUT", "PATCH") and "/blobs/uploads/" in self.path


class Registry:
    """Debian's docker-registry on a folder of its own."""

    def __init__(self, program, folder, within=(), port=PORT):
        self.folder, self.within, self.port, self.child = pathlib.Path(folder), list(within), port, None
        self.program, self.log = str(program), self.folder / "log"
        self.storage = self.folder / "storage"
        self.folder.mkdir(parents=True, exist_ok=True)
        # The secret makes upload addresses of an earlier start good, as a site's configuration does.
        (self.folder / "config.yaml").write_text(CONFIG % (self.storage, port, "bench"))

    def start(self):
        self.storage.mkdir(exist_ok=True)
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen([*self.within, self.program, "serve", str(self.folder / "config.yaml")],
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        # Who enters a namespace by nsenter stays the same process.
        wait_for("the registry", 20, self.listens)

    def listens(self):
        if self.child.poll() is not None:
            raise Failed(f"the registry ended with {self.child.returncode}: {self.log}")
        found = subprocess.run([*self.within, "curl", "-sf", "-m", "2", "-o", os.devnull, f"http://127.0.0.1:{self.port}/v2/"])
        return found.returncode == 0

    def stop(self):
        if self.child:
            self.child.terminate()
            self.child.wait(timeout=30)
            self.child = None

    def wipe(self):
        """Empty, and nothing that was written before is still on its way to the disk."""
        self.stop()
        shutil.rmtree(self.storage, ignore_errors=True)
        os.sync()
        self.start()

    def mark(self):
        return self.log.stat().st_size

    def requests(self, mark=0):
        """What was asked since a mark, in the order in which it ended."""
        with open(self.log, "rb") as log:
            log.seek(mark)
            lines = log.read().decode(errors="replace").splitlines()
        return [request for request in map(parse_line, lines) if request]


def parse_line(line):
    if not line.startswith("{") or '"http.response.status"' not in line or '"msg":"response completed' not in line:
        return None
    found = json.loads(line)
    path, _, query = found["http.request.uri"].partition("?")
    ended = parse_time(found["time"])
    return Request(found["http.request.method"], urllib.parse.unquote(path), urllib.parse.parse_qs(query), found["http.response.status"],
                   ended - go_seconds(found["http.response.duration"]), ended)


def parse_time(text):
    whole, _, fraction = text.rstrip("Z").partition(".")
    return datetime.datetime.fromisoformat(whole + "+00:00").timestamp() + float("0." + (fraction or "0"))


def go_seconds(text):
    """A duration as Go prints it: 1m2.5s, 3.1ms, 941µs."""
    units = {"h": 3600, "m": 60, "s": 1, "ms": 1e-3, "µs": 1e-6, "us": 1e-6, "ns": 1e-9}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([0-9.]+)(h|ms|µs|us|ns|m|s)", text))


def ask(url, method="GET", data=None, **headers):
    """Status, headers and body, whatever the status is."""
    request = urllib.request.Request(url, data=data, method=method, headers={key.replace("_", "-"): value for key, value in headers.items()})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def digest_of_tag(address, repository, tag):
    """What a tag stands for; None where there is none."""
    status, headers, _ = ask(f"http://{address}/v2/{repository}/manifests/{tag}", "HEAD", Accept=ACCEPT)
    return headers["Docker-Content-Digest"] if status == 200 else None


# --- commands and what they cost


def run(*command, **more):
    done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, **more)
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command))} failed with {done.returncode}: {(done.stderr + done.stdout).strip()[-600:]}")
    return done.stdout


def wait_for(what, seconds, found):
    until = time.monotonic() + seconds
    while True:
        try:
            if found():
                return
        except OSError:
            pass
        if time.monotonic() > until:
            raise Failed(f"timed out after {seconds}s waiting for {what}")
        time.sleep(0.02)


@dataclasses.dataclass
class Cost:
    """Of a command with all that it started."""

    code: int
    begun: float
    seconds: float
    cpu: float
    peak: int  # KiB, of its largest process
    read: int  # bytes that it read by system calls
    disk: int  # bytes that it wrote to files of a disk, whether they were deleted or not
    output: str


def measured(command, log, limit=1800, **more):
    """Runs a command and measures it. Its output goes to a file."""
    with open(log, "wb") as out:
        wall, begun = time.time(), time.monotonic()
        child = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, **more)
    late = threading.Timer(limit, child.kill)
    late.start()
    # It is not reaped before its counts are read.
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    seconds = time.monotonic() - begun
    late.cancel()
    counts = dict(line.split(": ") for line in pathlib.Path(f"/proc/{child.pid}/io").read_text().splitlines())
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return Cost(child.returncode, wall, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, int(counts["rchar"]),
                int(counts["write_bytes"]), pathlib.Path(log).read_text(errors="replace"))


def files_written(command, log, **more):
    """The files that a command and all that it starts open for writing, by strace; devices and pipes are none."""
    trace = pathlib.Path(str(log) + ".strace")
    cost = measured(["strace", "-f", "-q", "-e", "trace=open,openat,creat,memfd_create", "-o", trace, *command], log, **more)
    if cost.code:
        raise Failed(f"{command[0]} failed with {cost.code} under strace: {cost.output.strip()[-600:]}")
    return written_in(trace.read_text(errors="replace"))


def written_in(trace):
    found = set()
    for line in trace.splitlines():
        opened = re.search(r'open(?:at)?\((?:[A-Z_0-9]+, )?"([^"]*)", ([A-Z_|0-9]+).*= [0-9]+$', line)
        if opened and re.search(r"O_WRONLY|O_RDWR|O_CREAT", opened[2]) and not re.match("/dev/(?!shm/)|/proc/|/sys/", opened[1]):
            found.add(opened[1])
        made = re.search(r'(?:creat|memfd_create)\("([^"]*)".*= [0-9]+$', line)
        if made:
            found.add(made[1])
    return sorted(found)


# --- images


def read_list(path):
    """(layout, repository, tag, digest) of each image in the sandbox's list."""
    found = []
    for line in pathlib.Path(path).read_text().splitlines():
        layout, name = line.split()
        repository, tag = name.rsplit(":", 1)
        index = json.loads((pathlib.Path(layout) / "index.json").read_text())
        found.append((pathlib.Path(layout), repository, tag, index["manifests"][0]["digest"]))
    return found


def lock_text(names):
    """A lock with nothing but names."""
    entries = "".join(f"  {name}:\n    used_by:\n    - component: bench\n      at: images.bench\n" for name in sorted(names))
    return f"schema: 1\nimages:\n{entries}"


def blobs_of(layouts):
    """Each blob of some layouts once, with a file that holds it, the largest first."""
    found = {}
    for layout in layouts:
        for path in (layout / "blobs/sha256").iterdir():
            found.setdefault(path.name, path)
    return sorted(found.values(), key=lambda path: (-path.stat().st_size, path.name))


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def size(count):
    return f"{count / 1e6:,.0f} MB" if count >= 1e6 else f"{count / 1e3:,.0f} kB"


def machine():
    memory = re.search(r"MemTotal: +([0-9]+)", pathlib.Path("/proc/meminfo").read_text())
    control = pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    return f"{os.cpu_count()} cores, {int(memory[1]) / (1 << 20):.0f} GiB, TCP {control}, load {os.getloadavg()[0]:.1f} at the end"
