"""What `tests/offline/real` does once its programs are there, in namespaces of its own."""

import argparse, hashlib, json, os, pathlib, random, re, shutil, signal, subprocess, sys, time

import registry
from images import Images, entries, locked, path_of, pulled, tags
from proxy import Proxy
from registry import Failed, Registry, ask, run, say, wait_for

HUB, SITE, PROXY = "127.0.0.1:5001", "127.0.0.1:5002", "127.0.0.1:5003"
BOTH = ["--platform", "linux/amd64", "--platform", "linux/arm64"]
# What is pulled from the hub, by the names that the lock has; the third is for one platform only.
NAMES = ["docker.io/x/multi:1", "docker.io/x/zstd:1", "quay.io/y/docker:2", "quay.io/y/list:1"]
MIB = 1 << 20


class Real:
    def __init__(self, args):
        self.args, self.work = args, pathlib.Path(args.work)
        self.random = random.Random(args.seed)
        self.home = self.work / "home"
        self.home.mkdir()
        self.env = {"PATH": f"{args.tools}:{os.environ['PATH']}", "HOME": str(self.home), "TMPDIR": str(self.home), "LC_ALL": "C.UTF-8"}
        run("ip", "link", "set", "lo", "up")
        for folder in "/var/lib/containers", "/run/containerd":
            os.makedirs(folder, exist_ok=True)
            run("mount", "-t", "tmpfs", "none", folder)
        self.hub, self.site = (Registry(f"{args.tools}/docker-registry", self.work / name, port=int(address.split(":")[1])) for name, address in (("hub", HUB), ("site", SITE)))
        self.hub.start()
        self.site.start()
        self.lock = self.work / "images.lock"
        self.lock.write_text(registry.lock_text(NAMES))
        self.passed = 0

    def ok(self, what):
        self.passed += 1
        say(f"ok: {what}")

    def need(self, holds, what):
        if not holds:
            raise Failed(what)

    def windlass(self, *args, code=0):
        done = subprocess.run([self.args.windlass, "bundle", *map(str, args)], env=self.env, cwd=self.work, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        if done.returncode != code:
            raise Failed(f"windlass bundle {' '.join(map(str, args))} ended with {done.returncode}, not {code}: {(done.stderr + done.stdout).strip()[-800:]}")
        return done.stdout + done.stderr

    def create(self, output, *more, lock=None):
        return ["create", "--lock", lock or self.lock, "--from", HUB, "--no-programs", "--output", output, *more]

    # both modes, by all readers

    def readers(self):
        Images(HUB, self.args.seed).all(MIB)
        self.containerd()
        plain = [name for name in NAMES if name != "quay.io/y/docker:2"]
        only = self.work / "index.lock"
        only.write_text(registry.lock_text(plain))
        for mode, names, arguments in ("index", plain, BOTH), ("manifest", NAMES, BOTH[:2]):
            lock = only if mode == "index" else self.lock
            bundle = self.work / f"{mode}.tar"
            self.windlass(*self.create(bundle, *arguments, lock=lock))
            digests = locked(bundle)
            self.need(sorted(digests) == sorted(names), f"the lock of {bundle} has {digests}")
            for name, digest in digests.items():
                repository, tag = path_of(name)
                of_tag = registry.digest_of_tag(HUB, repository, tag)
                kind = "index" if mode == "index" else "manifest"
                self.need((of_tag == digest) == (mode == "index" or name == "quay.io/y/docker:2"), f"{name} is locked as {digest} in mode {kind}")
            self.read_by_windlass(mode, bundle, digests)
            self.read_by_skopeo(mode, bundle, digests)
            self.read_by_regctl(mode, bundle, digests)
            self.read_by_ctr(mode, bundle, digests)

    def same(self, who, mode, digests, prefix):
        """What is at the site is what the hub has."""
        for name, digest in digests.items():
            repository, tag = path_of(name)
            at = f"{prefix}/{repository}"
            found = registry.digest_of_tag(SITE, at, tag)
            self.need(found == digest, f"{who} put {found} at {at}:{tag}, and the lock has {digest}")
            self.need(pulled(SITE, at, tag) == pulled(HUB, repository, digest), f"{at}:{tag} names other digests than the hub's")
        self.ok(f"{who}, mode {mode}: {len(digests)} images pulled back, every digest is the lock's")

    def read_by_windlass(self, mode, bundle, digests):
        self.windlass("push", bundle, "--registry", f"{SITE}/windlass-{mode}")
        self.same("windlass", mode, digests, f"windlass-{mode}")
        # With an index go the signatures of the index, of its children, and the list that stands in for referrers.
        for tag in tags(HUB, "x/multi"):
            subject = re.match(r"sha256-([0-9a-f]{64})", tag)
            belongs = subject and (mode == "index" or f"sha256:{subject[1]}" == digests["docker.io/x/multi:1"])
            if belongs:
                at = f"windlass-{mode}/x/multi"
                want, found = sorted(pulled(HUB, "x/multi", tag)), sorted(pulled(SITE, at, tag))
                listed = lambda digests: [digest for digest in digests if not self.is_list(digest)]
                self.need(want == found or listed(want) == listed(found), f"{at}:{tag} is not the hub's")
        self.need(len(tags(SITE, f"windlass-{mode}/x/multi")) == (4 if mode == "index" else 3), f"tags are {tags(SITE, f'windlass-{mode}/x/multi')}")
        self.ok(f"windlass, mode {mode}: signatures and referrers are there")

    def is_list(self, digest):
        """Whether a digest is of the hub's or the site's list that stands in for referrers, which each registry's writer makes."""
        for address, repository in (HUB, "x/multi"), (SITE, "windlass-index/x/multi"), (SITE, "windlass-manifest/x/multi"):
            status, _, data = ask(f"http://{address}/v2/{repository}/manifests/{digest}", Accept=registry.ACCEPT)
            if status == 200 and "manifests" in json.loads(data):
                return True
        return False

    def read_by_skopeo(self, mode, bundle, digests):
        read = {}
        for name, digest in digests.items():
            repository, tag = path_of(name)
            done = subprocess.run(["skopeo", "--insecure-policy", "copy", "--all", "--preserve-digests", "--dest-tls-verify=false", f"oci-archive:{bundle}:{name}",
                                   f"docker://{SITE}/skopeo-{mode}/{repository}:{tag}"], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            # Older ones look for OCI's formats alone in a layout, and do not find an image in Docker's by its name.
            if done.returncode and name.startswith("quay.io/y/") and "no descriptor found for reference" in done.stderr:
                say(f"note: {run('skopeo', '--version').strip()} does not find {name} in a layout, since it is in Docker's format")
                continue
            self.need(done.returncode == 0, f"skopeo did not copy {name}: {done.stderr}")
            read[name] = digest
        self.need(len(read) >= 2, f"skopeo read only {read}")
        self.same("skopeo", mode, read, f"skopeo-{mode}")

    def read_by_regctl(self, mode, bundle, digests):
        for name in digests:
            repository, tag = path_of(name)
            run("regctl", "--host", f"reg={SITE},tls=disabled", "image", "import", "--name", name, f"{SITE}/regctl-{mode}/{repository}:{tag}", bundle, env=self.env)
        self.same("regctl", mode, digests, f"regctl-{mode}")

    def containerd(self):
        config = self.work / "containerd.toml"
        root = self.work / "containerd"
        socket = f"{self.work}/containerd.sock"
        config.write_text(f'''version = 2
root = "{root}"
state = "/run/containerd/state"
oom_score = 0
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "{socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{root}/opt"
''')
        with open(self.work / "containerd.log", "wb") as log:
            self.daemon = subprocess.Popen([f"{self.args.tools}/containerd", "--config", config], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env)
        self.ctr = ["ctr", "--address", socket, "--namespace", "offline"]
        wait_for("containerd", 30, lambda: subprocess.run([*self.ctr, "version"], env=self.env, capture_output=True).returncode == 0)

    def read_by_ctr(self, mode, bundle, digests):
        run(*self.ctr, "image", "import", "--all-platforms", "--no-unpack", bundle, env=self.env)
        listed = {line.split()[0]: line.split()[2] for line in run(*self.ctr, "image", "ls", env=self.env).splitlines()[1:]}
        content = run(*self.ctr, "content", "ls", "-q", env=self.env).split()
        for name, digest in digests.items():
            repository, tag = path_of(name)
            self.need(listed.get(name) == digest, f"ctr has {listed.get(name)} as {name}, and the lock has {digest}")
            missing = set(pulled(HUB, repository, digest)) - set(content)
            self.need(not missing, f"ctr lacks {missing} of {name}")
            # A node runs it from there.
            run(*self.ctr, "image", "push", "--plain-http", "--platform", "linux/amd64", f"{SITE}/ctr-{mode}/{repository}:{tag}", name, env=self.env)
            self.need(registry.digest_of_tag(SITE, f"ctr-{mode}/{repository}", tag) is not None, f"ctr did not push {name}")
            run(*self.ctr, "image", "rm", name, env=self.env)
        self.ok(f"ctr image import, mode {mode}: {len(digests)} images, every digest is the lock's, every blob is there")

    # kill -9

    def killed(self, arguments, after):
        """Runs windlass and kills it after a while; whether it was still at work."""
        child = subprocess.Popen([self.args.windlass, "bundle", *map(str, arguments)], env=self.env, cwd=self.work, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(after)
        alive = child.poll() is None
        child.kill()
        child.wait()
        return alive

    def kills(self):
        self.hub.wipe()
        Images(HUB, self.args.seed).all(96 * MIB)
        reference = self.work / "reference.tar"
        begun = time.monotonic()
        self.windlass(*self.create(reference, *BOTH[:2]))
        took = time.monotonic() - begun
        want = hashlib.sha256(reference.read_bytes()).hexdigest()
        # To plan, the platform of an image without an index is read from its config, each time.
        mark = self.hub.mark()
        self.windlass(*self.create(self.work / "planned.tar", *BOTH[:2], "--dry-run"))
        self.planning = {request.digest for request in self.hub.requests(mark) if request.method == "GET" and request.digest}
        self.need(len(self.planning) <= 1, f"planning fetches {self.planning}")
        at_work = resumed = 0
        for number in range(self.args.kills):
            after = self.random.uniform(0.02, took)
            at_work += self.kill_create(number, after, want)
        self.need(at_work * 2 >= self.args.kills, f"only {at_work} of {self.args.kills} kills found create at work")
        self.ok(f"{self.args.kills} kills of create within {took:.2f} s, {at_work} of them at work: each rerun gave the same bytes, and fetched nothing again that was finished")
        self.small_disk(reference)
        self.site.wipe()
        push = ["push", reference, "--registry", SITE]
        begun = time.monotonic()
        self.windlass(*push)
        took = time.monotonic() - begun
        digests, at_work, said = locked(reference), 0, {"resumes": 0, "restarts from the beginning": 0}
        for number in range(self.args.kills):
            after = self.random.uniform(0.02, took)
            at_work += self.kill_push(number, after, push, digests, said)
        self.need(at_work * 2 >= self.args.kills, f"only {at_work} of {self.args.kills} kills found push at work")
        self.ok(f"{self.args.kills} kills of push within {took:.2f} s, {at_work} of them at work: each rerun ended right, and sent nothing again that was finished; "
                f"of half-sent blobs {said['resumes']} reruns said that they resume, {said['restarts from the beginning']} that they start again")

    def kill_create(self, number, after, want):
        output = self.work / "killed.tar"
        for left in self.work.glob("killed.tar*"):
            left.unlink()
        alive = self.killed(self.create(output, *BOTH[:2]), after)
        journal = self.work / "killed.tar.partial.journal"
        done = re.findall(r"^(sha256:[0-9a-f]{64}) done$", journal.read_text(), re.MULTILINE) if journal.exists() else []
        # What the registry still had under way has been noted.
        time.sleep(0.2)
        mark = self.hub.mark()
        if not output.exists() or journal.exists():
            self.windlass(*self.create(output, *BOTH[:2]))
        self.need(hashlib.sha256(output.read_bytes()).hexdigest() == want, f"kill {number} of create after {after:.3f} s: the rerun gave other bytes")
        self.need(sorted(path.name for path in self.work.glob("killed.tar*")) == ["killed.tar"], f"kill {number} of create: something is left over")
        again = self.fetched(mark, done)
        self.need(not again, f"kill {number} of create after {after:.3f} s: {again} were fetched again though they were finished")
        return alive

    def fetched(self, mark, done):
        """Which of some blobs the hub gave since a mark."""
        return [request.digest for request in self.hub.requests(mark) if request.method == "GET" and request.digest in set(done) - self.planning]

    def kill_push(self, number, after, push, digests, said):
        self.site.wipe()
        shutil.rmtree(self.home / ".local", ignore_errors=True)
        mark = self.site.mark()
        alive = self.killed(push, after)
        # A request that was cut ends in the registry a little later.
        self.quiet(self.site)
        sent = lambda requests: [request.digest for request in requests if request.sends_blob and request.method == "PUT" and request.status == 201]
        first = self.site.requests(mark)
        finished = sent(first)
        half = [request for request in first if request.sends_blob and request.status >= 400]
        mark = self.site.mark()
        text = self.windlass(*push)
        second = self.site.requests(mark)
        again = [request.digest for request in second if request.sends_blob and request.digest in finished]
        self.need(not again, f"kill {number} of push after {after:.3f} s: {again} were sent again though they were finished")
        twice = [digest for digest in sent(second) if sent(second).count(digest) > 1]
        self.need(not twice, f"kill {number} of push after {after:.3f} s: the rerun sent {twice} more than once")
        for name, digest in digests.items():
            repository, tag = path_of(name)
            self.need(registry.digest_of_tag(SITE, repository, tag) == digest, f"kill {number} of push after {after:.3f} s: {name} is not there")
            pulled(SITE, repository, tag)
        if half:
            found = [word for word in said if word in text]
            self.need(found, f"kill {number} of push after {after:.3f} s: nothing says what becomes of {len(half)} half-sent blobs: {text}")
            for word in found:
                said[word] += 1
        return alive

    def quiet(self, of):
        """Nothing is under way in a registry any more."""
        last = -1
        until = time.monotonic() + 30
        while of.mark() != last:
            last = of.mark()
            time.sleep(0.3)
            if time.monotonic() > until:
                raise Failed("the registry did not come to rest within 30s")

    def small_disk(self, reference):
        """A disk that is too small, and one that gets full on the way."""
        folder = self.work / "disk"
        folder.mkdir()
        total = reference.stat().st_size
        run("mount", "-t", "tmpfs", "-o", f"size={200 * MIB}", "none", folder)
        self.need(total < 200 * MIB, f"the offline bundle of {total} bytes is too large for this test")
        # Larger than the disk: with every platform.
        text = self.windlass(*self.create(folder / "platform.tar", *BOTH, lock=self.index_lock()), code=11)
        self.need("200" in text or "MB" in text, text)
        self.need(not list(folder.iterdir()), f"it left {list(folder.iterdir())}")
        self.ok("create onto a disk of 200 MiB that is too small: refused at the start with 11, and nothing is left there")
        # Room enough at the start, and taken away by somebody else.
        child = subprocess.Popen([self.args.windlass, "bundle", *map(str, self.create(folder / "platform.tar", *BOTH[:2]))], env=self.env, cwd=self.work,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        partial = folder / "platform.tar.partial"
        wait_for("create to write", 60, lambda: child.poll() is not None or (partial.exists() and partial.stat().st_blocks * 512 > total // 3))
        child.send_signal(signal.SIGSTOP)
        written = partial.stat().st_blocks * 512
        self.need(child.poll() is None and written < total - 20 * MIB, f"create wrote {written} of {total} before it could be stopped")
        free = os.statvfs(folder)
        with open(folder / "filler", "wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, free.f_bavail * free.f_frsize - 4 * MIB)
        child.send_signal(signal.SIGCONT)
        text, _ = child.communicate(timeout=120)
        self.need(child.returncode == 1 and partial.exists(), f"create on a full disk ended with {child.returncode}: {text[-600:]}")
        done = re.findall(r"^(sha256:[0-9a-f]{64}) done$", (folder / "platform.tar.partial.journal").read_text(), re.MULTILINE)
        (folder / "filler").unlink()
        self.quiet(self.hub)
        mark = self.hub.mark()
        text = self.windlass(*self.create(folder / "platform.tar", *BOTH[:2]))
        self.need("were already present" in text, text)
        again = self.fetched(mark, done)
        self.need(not again, f"{again} were fetched again after the disk was full")
        self.need((folder / "platform.tar").read_bytes() == reference.read_bytes(), "what a full disk interrupted has other bytes")
        run("umount", folder)
        self.ok("create onto a disk that gets full on the way: ended with 1, kept what it had, and the same command resumed")

    def index_lock(self):
        lock = self.work / "index.lock"
        lock.write_text(registry.lock_text([name for name in NAMES if name != "quay.io/y/docker:2"]))
        return lock

    # damage

    def damage(self):
        self.hub.wipe()
        self.site.wipe()
        Images(HUB, self.args.seed).all(MIB // 4)
        bundle = self.work / "sound.tar"
        self.windlass(*self.create(bundle, *BOTH, lock=self.index_lock()))
        sound = bundle.read_bytes()
        places = entries(bundle)
        digests = locked(bundle)
        closures = {name: set(pulled(HUB, path_of(name)[0], digest)) for name, digest in digests.items()}
        # Each kind of place, and then anywhere.
        positions = [at + size // 2 for at, size in places.values() if size] + [0, 156, len(sound) - 1]
        positions = (positions + [self.random.randrange(len(sound)) for _ in range(self.args.flips)])[:max(self.args.flips, 1)]
        refused = {}
        for number, at in enumerate(positions):
            flipped = bytearray(sound)
            flipped[at] ^= 1 << self.random.randrange(8)
            self.flip(number, at, bytes(flipped), places, closures, refused)
        self.ok(f"{len(positions)} flipped bytes: each was found by verify, and by push before anything that depends on it had a tag "
                f"({', '.join(f'{count} times exit code {code}' for code, count in sorted(refused.items()))})")
        self.parts()

    def flip(self, number, at, data, places, closures, refused):
        path = self.work / "flipped.tar"
        path.write_bytes(data)
        prefix = f"flip-{number}"
        where = next((name for name, (begin, size) in places.items() if begin <= at < begin + size), "a header or padding")
        verify = subprocess.run([self.args.windlass, "bundle", "verify", str(path)], env=self.env, capture_output=True, text=True)
        self.need(verify.returncode in (2, 7), f"verify ended with {verify.returncode} for a byte flipped at {at}, in {where}: {verify.stdout}")
        push = subprocess.run([self.args.windlass, "bundle", "push", str(path), "--registry", f"{SITE}/{prefix}"], env=self.env, capture_output=True, text=True)
        self.need(push.returncode in (2, 7), f"push ended with {push.returncode} for a byte flipped at {at}, in {where}: {push.stdout}")
        refused[push.returncode] = refused.get(push.returncode, 0) + 1
        blob = "sha256:" + where.rsplit("/", 1)[1] if where.startswith("blobs/") else None
        for name, closure in closures.items():
            repository, tag = path_of(name)
            found = tags(SITE, f"{prefix}/{repository}")
            # Headers, index and lock hold for all.
            if blob is None or blob in closure:
                self.need(tag not in found, f"{name} has a tag though it depends on {where}, where the byte at {at} was flipped")
            for one in found:
                self.need(blob not in pulled(SITE, f"{prefix}/{repository}", one), f"the tag {one} of {name} depends on {where}")
        shutil.rmtree(self.home / ".local", ignore_errors=True)

    def parts(self):
        """Parts have at least 1 MiB, so the images are larger."""
        parts, bundle = self.work / "parts", self.work / "whole.tar"
        self.hub.wipe()
        Images(HUB, self.args.seed).all(2 * MIB)
        self.windlass(*self.create(bundle, *BOTH, lock=self.index_lock()))

        def fresh():
            shutil.rmtree(parts, ignore_errors=True)
            parts.mkdir()
            self.windlass("split", bundle, "--size", "1M", "--output", parts / "p.tar")
            return sorted(path for path in parts.iterdir() if re.search(r"\.[0-9]{3}$", path.name))

        def refused(what, prefix, nothing=True):
            for command in ["verify", parts], ["push", parts, "--registry", f"{SITE}/{prefix}"]:
                done = subprocess.run([self.args.windlass, "bundle", *map(str, command)], env=self.env, capture_output=True, text=True)
                self.need(done.returncode in (2, 7), f"{what}: bundle {command[0]} ended with {done.returncode}: {done.stdout}")
                self.need("p.tar" in done.stderr, f"{what}: bundle {command[0]} names no part: {done.stderr}")
            found = [name for name in NAMES if tags(SITE, f"{prefix}/{path_of(name)[0]}")]
            self.need(not found or not nothing, f"{what}: {found} have tags")
            self.need(len(found) < len(digests), f"{what}: all images have tags")
            for name in found:
                repository, tag = path_of(name)
                self.need(registry.digest_of_tag(SITE, f"{prefix}/{repository}", tag) == digests[name], f"{what}: {name} is another image")
                pulled(SITE, f"{prefix}/{repository}", tag)
            shutil.rmtree(self.home / ".local", ignore_errors=True)
            self.ok(f"{what}: refused by verify and push; {f'{len(found)} images that need nothing of it are there, whole' if found else 'nothing has a tag'}")

        files = fresh()
        self.need(len(files) > 4, f"only {len(files)} parts")
        digests = locked(bundle)
        self.windlass("verify", parts)
        files[2].rename(parts / "three")
        files[3].rename(files[2])
        (parts / "three").rename(files[3])
        refused("two parts swapped", "swapped")
        for number in 0, 2, len(files) - 1:
            fresh()[number].unlink()
            refused(f"part {number + 1} of {len(files)} missing", f"missing-{number}")
        # Of another offline bundle of the same name and size: the same images, made with other noise.
        old = self.work / "old"
        self.hub.wipe()
        Images(HUB, self.args.seed + 1).all(2 * MIB)
        self.windlass(*self.create(self.work / "old.tar", *BOTH, lock=self.index_lock()))
        old.mkdir()
        self.windlass("split", self.work / "old.tar", "--size", "1M", "--output", old / "p.tar")
        for number in 0, 2:
            files = fresh()
            shutil.copy(old / files[number].name, files[number])
            # A part says nowhere what it is of: in the middle it is so many wrong bytes.
            refused(f"part {number + 1} of an older offline bundle", f"stale-{number}", nothing=number == 0)

    # what is between a push and a registry

    def faults(self):
        """A proxy before the real registry that behaves badly: the push ends well, or says why, and what is there is right."""
        self.hub.wipe()
        Images(HUB, self.args.seed).all(8 * MIB)
        bundle = self.work / "faults.tar"
        self.windlass(*self.create(bundle, *BOTH[:2]))
        digests = locked(bundle)
        proxy = Proxy(int(PROXY.split(":")[1]), SITE)
        for what, fault, number, times in (
            ("413 above 2 MiB, before the body is read", "limit", 2 * MIB, 1 << 30),
            ("504 after the last byte, which the registry has taken", "lost", None, 3),
            ("resets after 1 MiB, three of them", "reset", MIB, 3),
            ("cuts after the same time, whatever was sent", "cut", 1.0, 1 << 30),
            ("2 MiB a second", "slow", 2 * MIB, 1 << 30),
            ("401 for every mount", "mount", None, 1 << 30),
            ("429 with Retry-After, five of them", "busy", None, 5),
            ("500, three of them", "broken", None, 3),
        ):
            self.site.wipe()
            shutil.rmtree(self.home / ".local", ignore_errors=True)
            proxy.does(fault, number, times)
            self.windlass("push", bundle, "--registry", f"{PROXY}/mirror")
            self.need(proxy.hits > 0, f"{what}: it never happened")
            hits = proxy.hits
            proxy.does(None)
            for name, digest in digests.items():
                repository, tag = path_of(name)
                found = registry.digest_of_tag(SITE, f"mirror/{repository}", tag)
                self.need(found == digest, f"{what}: {name} is {found}")
                self.need(pulled(SITE, f"mirror/{repository}", tag) == pulled(HUB, repository, digest), f"{what}: {name} names other digests than the hub's")
            text = self.windlass("push", bundle, "--registry", f"{PROXY}/mirror")
            self.need("nothing to push" in text, f"{what}: again: {text}")
            self.ok(f"{what} ({hits} times): pushed to the byte, and a second push has nothing to do")


def main():
    parser = argparse.ArgumentParser()
    for name in "windlass", "tools", "work", "only":
        parser.add_argument("--" + name, required=True)
    for name in "kills", "flips", "seed":
        parser.add_argument("--" + name, type=int, required=True)
    args = parser.parse_args()
    known = ["readers", "kills", "faults", "damage"]
    wanted = args.only.split(",")
    if set(wanted) - set(known):
        print(f"error: --only takes {', '.join(known)}", file=sys.stderr)
        return 2
    say(f"seed {args.seed}")
    real = Real(args)
    try:
        for name in known:
            if name in wanted:
                getattr(real, name)()
    except Failed as error:
        print(f"error: {error}\n  seed {args.seed}", file=sys.stderr)
        return 1
    print(f"{real.passed} passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
