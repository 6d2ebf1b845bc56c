"""What `bench/push` does once its programs are there: the runs, and what is made of them."""

import argparse, collections, hashlib, json, os, pathlib, re, shlex, shutil, sys, unittest

import registry
from registry import Failed, Network, Registry, median, run, say, size

SETS = ["empty", "full", "far-empty", "far-full", "big"]
TITLES = {"empty": "Into an empty registry", "full": "Again, into the full one", "far-empty": "Into an empty registry, {delay} ms away",
          "far-full": "Again, into the full one, {delay} ms away", "big": "One image with one blob of {big} MB, into an empty registry"}
FLOORS = ["curl, 4 at a time", "curl, 8 at a time"]
PEERS = ["crane", "skopeo", "regctl"]
# What a script around a peer can do beside it: shown with each goal, and not what is asked for.
SCRIPTED = "crane, 4 images at a time"
MEMORY = 64 << 10  # KiB


# --- arithmetic

def goals(name, rows):
    """The goals of a set, each with whether it is met. A row is the medians of a way."""
    ours = rows["windlass"]["seconds"]
    peers = {peer: rows[peer]["seconds"] for peer in PEERS if peer in rows}
    fastest = min(peers, key=peers.get)
    ratio = peers[fastest] / ours
    scripted = f"; {rows[SCRIPTED]['seconds'] / ours:.2f} times {SCRIPTED}" if SCRIPTED in rows else ""
    floors = [rows[floor]["seconds"] for floor in FLOORS if floor in rows]
    found = []
    if name in ("empty", "big"):
        share = min(floors) / ours
        found.append((f"1.5 times the fastest peer or 90 % of the floor: {ratio:.2f} times {fastest}, {share:.0%} of the floor{scripted}", ratio >= 1.5 or share >= 0.9))
    elif name == "far-empty":
        found.append((f"three times as fast as the fastest peer: {ratio:.2f} times {fastest}{scripted}", ratio >= 3))
    else:
        found.append((f"not slower than the fastest peer: {ratio:.2f} times {fastest}{scripted}", ratio >= 1))
    found.append((f"at most 64 MiB of memory: {rows['windlass']['peak'] / 1024:.0f} MiB", rows["windlass"]["peak"] <= MEMORY))
    return found


def counts(requests, begun, blobs):
    """Of the registry's log: seconds to the first byte of a blob, and requests for each blob that there is."""
    first = min((request.begun for request in requests if request.sends_blob), default=None)
    return {"first": None if first is None else first - begun, "requests": len(requests) / blobs}


def summary(runs):
    """Medians of the runs of one way; of memory and disk the most."""
    found = {key: median([one[key] for one in runs]) for key in ("seconds", "cpu", "read", "sent", "requests")}
    first = [one["first"] for one in runs if one["first"] is not None]
    return {**found, "first": median(first) if first else None, "peak": max(one["peak"] for one in runs), "disk": max(one["disk"] for one in runs)}


def table(rows):
    lines = ["| | total s | first byte s | CPU s | MiB | read | sent | written to disk | requests per blob |", "|" + " --- |" * 9]
    for way, row in rows.items():
        first = "–" if row["first"] is None else f"{row['first']:.2f}"
        lines.append(f"| {way} | {row['seconds']:.2f} | {first} | {row['cpu']:.2f} | {row['peak'] / 1024:.0f} | {size(row['read'])} | "
                     f"{size(row['sent'])} | {size(row['disk'])} | {row['requests']:.1f} |")
    return "\n".join(lines)


# --- images

def large_image(folder, megabytes):
    """A layout with an image of one layer of random bytes, the same everywhere."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)
    key = ["openssl", "enc", "-aes-128-ctr", "-nosalt", "-K", "3".zfill(32), "-iv", "0"]
    # openssl ends by SIGPIPE when head has enough.
    run("bash", "-c", f"{{ {shlex.join(key)} </dev/zero 2>/dev/null || true; }} | head -c {megabytes}000000 >{shlex.quote(str(folder / 'layer'))}")

    def put(data, kind):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": kind, "digest": "sha256:" + digest, "size": len(data)}

    layer = run("sha256sum", folder / "layer").split()[0]
    (folder / "layer").rename(blobs / layer)
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ["sha256:" + layer]}}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": put(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
                "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": "sha256:" + layer, "size": megabytes * 10**6}]}
    described = put(json.dumps(manifest).encode(), manifest["mediaType"])
    described["platform"] = {"os": "linux", "architecture": "amd64"}
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [described]}
    (folder / "index.json").write_text(json.dumps(index))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return [(folder, "bench/large", "1", described["digest"])]


# --- the runs

class Bench:
    def __init__(self, args):
        self.args, self.work = args, pathlib.Path(args.work)
        self.tools = pathlib.Path(args.tools)
        self.home = self.work / "home"
        self.home.mkdir()
        (self.work / "tmp").mkdir()
        # Nobody's logins, proxies or caches, and temporary files where the rest lies.
        self.env = {"PATH": f"{self.tools}:{os.environ['PATH']}", "HOME": str(self.home), "TMPDIR": str(self.work / "tmp"), "LC_ALL": "C.UTF-8"}
        self.network = Network(args.delay / 1000)
        self.registry = Registry(self.tools / "docker-registry", self.work / "registry", self.network.within)
        # Where skopeo, as root, notes which blobs it has seen where.
        os.makedirs("/var/lib/containers", exist_ok=True)
        run("mount", "-t", "tmpfs", "none", "/var/lib/containers")

    def prepare(self, images, name):
        """The offline bundle, and an archive for each image as skopeo reads them."""
        self.images = images
        self.bundle = self.work / f"{name}.tar"
        lock = self.work / f"{name}.lock"
        lock.write_text(registry.lock_text([f"docker.io/{repository}:{tag}" for _, repository, tag, _ in images]))
        layouts = [part for layout, repository, tag, _ in images for part in ("--layout", f"docker.io/{repository}:{tag}={layout}")]
        run(self.args.windlass, "bundle", "create", "--lock", lock, *layouts, "--no-programs", "--output", self.bundle, env=self.env)
        self.archives = []
        for number, (layout, *_) in enumerate(images):
            archive = self.work / f"{name}-{number}.oci"
            run("tar", "-C", layout, "-cf", archive, "oci-layout", "index.json", "blobs")
            self.archives.append(archive)
        self.blobs = registry.blobs_of([layout for layout, *_ in images])
        total = sum(path.stat().st_size for path in self.blobs)
        say(f"{len(images)} images, {len(self.blobs)} blobs with manifests, {size(total)}")

    def forget(self):
        self.bundle.unlink()
        for archive in self.archives:
            archive.unlink()

    def ways(self, address):
        """Each way to push all images there, as a command."""
        windlass = [self.args.windlass, "bundle", "push", self.bundle, "--registry", address, "--plain-http", address]

        def each(command):
            return ["bash", "-ec", "\n".join(shlex.join(map(str, command(*image, archive))) for image, archive in zip(self.images, self.archives))]

        def crane(layout, repository, tag, digest, archive):
            return ["crane", "push", "--insecure", layout, f"{address}/{repository}:{tag}"]

        def skopeo(layout, repository, tag, digest, archive):
            # As the images are, and not compressed on the way, which would be other images.
            return ["skopeo", "--insecure-policy", "--tmpdir", self.work / "tmp", "copy", "--preserve-digests", "--dest-tls-verify=false", f"oci-archive:{archive}", f"docker://{address}/{repository}:{tag}"]

        def regctl(layout, repository, tag, digest, archive):
            return ["regctl", "--host", f"reg={address},tls=disabled", "image", "copy", f"ocidir://{layout}@{digest}", f"{address}/{repository}:{tag}"]

        def curl(count):
            upload = f"""at=$(curl -sf -o /dev/null -D - -X POST http://{address}/v2/bench/floor/blobs/uploads/ | tr -d '\\r' | sed -n 's/^Location: //p')
curl -sf -o /dev/null -T "$1" -H 'Content-Type: application/octet-stream' "$at&digest=sha256:${{1##*/}}" """
            return ["bash", "-ec", f"printf '%s\\n' \"$@\" | xargs -P {count} -n 1 bash -ec {shlex.quote(upload)} --", "--", *self.blobs]

        several = ["bash", "-ec", "printf '%s\\0' \"$@\" | xargs -0 -P 4 -n 1 bash -ec", "--", *(shlex.join(map(str, crane(*image, None))) for image in self.images)]
        return {"windlass": windlass, "crane": each(crane), SCRIPTED: several, "skopeo": each(skopeo), "regctl": each(regctl),
                **{floor: curl(floor.split()[1]) for floor in FLOORS}}

    def push(self, way, address):
        """One push, measured, with what the registry's log and the wire say of it."""
        os.sync()
        mark, sent = self.registry.mark(), self.network.sent()
        log = self.work / "log"
        cost = registry.measured(self.ways(address)[way], log, env=self.env)
        if cost.code:
            raise Failed(f"{way} failed with {cost.code}: {cost.output.strip()[-800:]}")
        sent = self.network.sent() - sent
        self.check(way, address)
        found = counts(self.registry.requests(mark), cost.begun, len(self.blobs))
        return {**found, "seconds": cost.seconds, "cpu": cost.cpu, "peak": cost.peak, "read": cost.read, "disk": cost.disk, "sent": sent}

    def check(self, way, address):
        """All of it is there, under the right digests."""
        if way in FLOORS:
            for blob in self.blobs:
                status, _, _ = registry.ask(f"http://{address}/v2/bench/floor/blobs/sha256:{blob.name}", "HEAD")
                if status != 200:
                    raise Failed(f"{way} did not put {blob.name} there: {status}")
            return
        for _, repository, tag, digest in self.images:
            found = registry.digest_of_tag(address, repository, tag)
            if found != digest:
                raise Failed(f"{way} put {found} at {repository}:{tag}, not {digest}")

    def empty(self):
        self.registry.wipe()
        shutil.rmtree("/var/lib/containers/cache", ignore_errors=True)

    def measure(self, first, second, address):
        """Each way into an empty registry and, if asked, again; then every way again: what else the machine does falls on all."""
        runs = {name: collections.defaultdict(list) for name in (first, second) if name}
        for number in range(self.args.runs):
            for way in self.ways(address):
                self.empty()
                runs[first][way].append(self.push(way, address))
                if second and way not in FLOORS:
                    runs[second][way].append(self.push(way, address))
                times = ", ".join(f"{name} {runs[name][way][-1]['seconds']:.2f} s" for name in runs if way in runs[name])
                say(f"run {number + 1}: {way}: {times} (load {os.getloadavg()[0]:.1f})")
        return {name: {way: summary(all_of_it) for way, all_of_it in of.items()} for name, of in runs.items()}

    def temporary(self, address):
        """What each way opens for writing."""
        found = {}
        for way, command in self.ways(address).items():
            say(f"under strace: {way}")
            self.empty()
            found[way] = registry.files_written(command, self.work / "log", env=self.env)
        return found

    def all(self):
        fast, slow = (f"{address}:{registry.PORT}" for address in (Network.FAST, Network.SLOW))
        wanted = self.args.only.split(",")
        found, files = {}, {}
        self.registry.start()
        self.prepare(registry.read_list(self.args.images), "platform")
        if {"empty", "full"} & set(wanted):
            found.update(self.measure("empty", "full" if "full" in wanted else None, fast))
            files = self.temporary(fast)
        if {"far-empty", "far-full"} & set(wanted):
            found.update(self.measure("far-empty", "far-full" if "far-full" in wanted else None, slow))
        self.forget()
        if "big" in wanted:
            self.registry.wipe()
            self.prepare(large_image(self.work / "large", self.args.big), "large")
            found.update(self.measure("big", None, fast))
        self.registry.stop()
        return found, files

    def report(self, found, files):
        missed = False
        print(f"Median of {self.args.runs}; {registry.machine()}.")
        for name in SETS:
            if name not in found:
                continue
            print(f"\n{TITLES[name].format(delay=self.args.delay, big=self.args.big)}\n\n{table(found[name])}\n")
            for text, met in goals(name, found[name]):
                missed |= not met
                print(("met:     " if met else "NOT MET: ") + text)
        if files:
            print("\nFiles opened for writing, by strace:\n")
            for way, names in files.items():
                shown = [re.sub(re.escape(str(self.work)), "WORK", name) for name in names]
                print(f"  {way}: {len(names)}{': ' if names else ''}{', '.join(shown[:3])}{' …' if len(shown) > 3 else ''}")
            temporary = [name for name in files["windlass"] if "/.local/state/windlass/pushes/" not in name]
            missed |= bool(temporary)
            print(("met:     " if not temporary else "NOT MET: ") + "no temporary disk: windlass writes its journal and nothing else " + " ".join(temporary))
        return missed


class Tests(unittest.TestCase):
    def test_goals_are_what_they_say(self):
        def rows(ours, peer, floor, peak=40 << 10):
            return {"windlass": {"seconds": ours, "peak": peak}, "crane": {"seconds": peer}, "skopeo": {"seconds": peer + 1}, FLOORS[0]: {"seconds": floor}}

        met = lambda name, *given: [one for _, one in goals(name, rows(*given))]
        self.assertEqual(met("empty", 2, 3, 1), [True, True])
        self.assertEqual(met("empty", 2, 2.9, 1.8), [True, True])
        self.assertEqual(met("empty", 2, 2.9, 1.7, 65 << 10), [False, False])
        self.assertEqual(met("full", 1, 1, 1), [True, True])
        self.assertEqual(met("far-full", 1.1, 1, 1), [False, True])
        self.assertEqual(met("far-empty", 1, 2.9, 1), [False, True])
        self.assertEqual(met("far-empty", 1, 3, 1), [True, True])

    def test_the_log_says_what_was_sent(self):
        line = '{"http.request.method":"PUT","http.request.uri":"/v2/a/b/blobs/uploads/1?digest=sha256%%3A%s","http.response.duration":"1m2.5s","http.response.status":201,"msg":"response completed","time":"2026-01-02T03:04:05.5Z"}' % ("0" * 64)
        request = registry.parse_line(line)
        self.assertEqual((request.repository, request.digest, request.sends_blob, request.ended - request.begun), ("a/b", "sha256:" + "0" * 64, True, 62.5))
        self.assertIsNone(registry.parse_line('127.0.0.1 - - "GET /v2/ HTTP/1.1" 200'))
        found = counts([request, request], request.begun - 3, 2)
        self.assertEqual(found, {"first": 3.0, "requests": 1.0})
        self.assertEqual(registry.go_seconds("941µs") + registry.go_seconds("3.1ms"), 0.004041)

    def test_what_is_opened_for_writing_is_told_from_what_is_read(self):
        trace = """1 openat(AT_FDCWD, "/a", O_RDONLY|O_CLOEXEC) = 3
2 openat(AT_FDCWD, "/b", O_WRONLY|O_CREAT|O_CLOEXEC, 0600) = 4
3 openat(AT_FDCWD, "/c", O_RDWR) = -1 ENOENT (No such file or directory)
3 openat(AT_FDCWD, "/dev/shm/e", O_RDWR) = 3
4 openat(AT_FDCWD, "/dev/null", O_RDWR) = 5
5 creat("/d", 0644) = 6"""
        self.assertEqual(registry.written_in(trace), ["/b", "/d", "/dev/shm/e"])


def main():
    if sys.argv[1:] == ["--test"]:
        unittest.main(argv=["bench/push"])
    parser = argparse.ArgumentParser()
    for name in "windlass", "tools", "images", "work", "only":
        parser.add_argument("--" + name, required=True)
    for name in "runs", "delay", "big":
        parser.add_argument("--" + name, type=int, required=True)
    args = parser.parse_args()
    unknown = set(args.only.split(",")) - set(SETS)
    if unknown:
        print(f"error: --only takes {', '.join(SETS)}, not {', '.join(unknown)}", file=sys.stderr)
        return 2
    try:
        bench = Bench(args)
        return int(bench.report(*bench.all()))
    except Failed as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
