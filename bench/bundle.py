"""What `bench/bundle` does once its programs are there: the runs, and what is made of them."""

import argparse, collections, os, pathlib, shlex, sys, unittest

import registry
from registry import Failed, Registry, median, run, say, size

TITLES = {"registry": "Made from a registry on loopback", "layouts": "Made from OCI layouts", "verify": "Checked"}
# One core is no peer of all of them: its row is there to be read, not to be compared with.
SINGLE = "sha256sum, one after the other"


def goal(name, rows):
    """What is asked of a set, and whether it is met. A row is the medians of a way."""
    ours = rows["windlass"]["seconds"]
    peers = {way: row["seconds"] for way, row in rows.items() if way not in ("windlass", SINGLE)}
    fastest = min(peers, key=peers.get)
    ratio = peers[fastest] / ours
    if name == "verify":
        return f"at least 90 % of the speed of the fastest, {fastest}: {ratio:.0%}", ratio >= 0.9
    return f"not slower than the fastest, {fastest}: {ratio:.2f} times as fast", ratio >= 1


def table(rows):
    lines = ["| | total s | CPU s | MiB | read | written to disk |", "|" + " --- |" * 6]
    for way, row in rows.items():
        lines.append(f"| {way} | {row['seconds']:.2f} | {row['cpu']:.2f} | {row['peak'] / 1024:.0f} | {size(row['read'])} | {size(row['disk'])} |")
    return "\n".join(lines)


class Bench:
    def __init__(self, args):
        self.args, self.work = args, pathlib.Path(args.work)
        (self.work / "home").mkdir()
        self.out = self.work / "out"
        self.env = {"PATH": f"{args.tools}:{os.environ['PATH']}", "HOME": str(self.work / "home"), "TMPDIR": str(self.work), "LC_ALL": "C.UTF-8"}
        run("ip", "link", "set", "lo", "up")
        os.makedirs("/var/lib/containers", exist_ok=True)
        run("mount", "-t", "tmpfs", "none", "/var/lib/containers")
        self.registry = Registry(f"{args.tools}/docker-registry", self.work / "registry")
        self.images = registry.read_list(args.images)
        self.blobs = registry.blobs_of([layout for layout, *_ in self.images])
        self.lock = self.work / "images.lock"
        self.lock.write_text(registry.lock_text([f"docker.io/{repository}:{tag}" for _, repository, tag, _ in self.images]))
        say(f"{len(self.images)} images, {len(self.blobs)} blobs with manifests, {size(sum(path.stat().st_size for path in self.blobs))}")

    def ways(self, name):
        """The ways of a set, as commands."""
        address = f"127.0.0.1:{registry.PORT}"
        create = [self.args.windlass, "bundle", "create", "--lock", self.lock, "--no-programs", "--output", self.out / "platform.tar"]
        if name == "verify":
            # The platform's blobs as files are the same bytes, less the frame of a tar.
            def parallel(command):
                return ["bash", "-ec", f"printf '%s\\n' \"$@\" | xargs -P {os.cpu_count()} -n 1 {command}", "--", *self.blobs]

            return {"windlass": [self.args.windlass, "bundle", "verify", self.work / "platform.tar"], "sha256sum on all cores": parallel("sha256sum"),
                    "openssl on all cores": parallel("openssl dgst -sha256"), SINGLE: ["sha256sum", *self.blobs]}
        if name == "registry":
            ours = [*create, "--from", address]
            source = [f"docker://{address}/{repository}:{tag}" for _, repository, tag, _ in self.images]
        else:
            ours = [*create, *(part for layout, repository, tag, _ in self.images for part in ("--layout", f"docker.io/{repository}:{tag}={layout}"))]
            source = [f"oci:{layout}" for layout, *_ in self.images]
        copies = [shlex.join(["skopeo", "--insecure-policy", "--tmpdir", str(self.work), "copy", "--preserve-digests", "--src-tls-verify=false", one, f"oci-archive:{self.out}/{number}.tar:docker.io/{repository}:{tag}"])
                  for number, (one, (_, repository, tag, _)) in enumerate(zip(source, self.images))]
        return {"windlass": ours, "skopeo and sha256sum": ["bash", "-ec", "\n".join([*copies, f"sha256sum {self.out}/*.tar >{self.out}/sums"])]}

    def measure(self, name):
        runs = collections.defaultdict(list)
        for number in range(self.args.runs):
            # Every way once, then every way again: what else the machine does falls on all of them.
            for way, command in self.ways(name).items():
                run("rm", "-rf", self.out)
                self.out.mkdir()
                os.sync()
                cost = registry.measured(command, self.work / "log", env=self.env)
                if cost.code:
                    raise Failed(f"{way} failed with {cost.code}: {cost.output.strip()[-800:]}")
                runs[way].append(cost)
                say(f"run {number + 1}: {name}: {way} {cost.seconds:.2f} s (load {os.getloadavg()[0]:.1f})")
        middle = lambda costs, key: median([getattr(cost, key) for cost in costs])
        return {way: {**{key: middle(costs, key) for key in ("seconds", "cpu", "read", "disk")}, "peak": max(cost.peak for cost in costs)} for way, costs in runs.items()}

    def all(self):
        wanted = self.args.only.split(",")
        found = {}
        if "layouts" in wanted:
            found["layouts"] = self.measure("layouts")
        if "verify" in wanted:
            command = [part for part in self.ways("layouts")["windlass"]]
            run("rm", "-rf", self.out)
            run(*command, env=self.env)
            (self.out / "platform.tar").rename(self.work / "platform.tar")
            found["verify"] = self.measure("verify")
            (self.work / "platform.tar").unlink()
        if "registry" in wanted:
            self.registry.start()
            for layout, repository, tag, _ in self.images:
                run("crane", "push", "--insecure", layout, f"127.0.0.1:{registry.PORT}/{repository}:{tag}", env=self.env)
            found["registry"] = self.measure("registry")
            self.registry.stop()
        return found

    def report(self, found):
        missed = False
        print(f"Median of {self.args.runs}; {registry.machine()}.")
        for name, title in TITLES.items():
            if name in found:
                text, met = goal(name, found[name])
                missed |= not met
                print(f"\n{title}\n\n{table(found[name])}\n\n{'met:     ' if met else 'NOT MET: '}{text}")
        return missed


class Tests(unittest.TestCase):
    def test_goals_are_what_they_say(self):
        rows = lambda ours, *peers: {"windlass": {"seconds": ours}, SINGLE: {"seconds": 0.1}, **{f"peer {at}": {"seconds": peer} for at, peer in enumerate(peers)}}
        self.assertTrue(goal("verify", rows(1, 0.9, 2))[1])
        self.assertFalse(goal("verify", rows(1, 0.89, 2))[1])
        self.assertTrue(goal("layouts", rows(1, 1))[1])
        self.assertFalse(goal("registry", rows(1.1, 1))[1])


def main():
    if sys.argv[1:] == ["--test"]:
        unittest.main(argv=["bench/bundle"])
    parser = argparse.ArgumentParser()
    for name in "windlass", "tools", "images", "work", "only":
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--runs", type=int, required=True)
    args = parser.parse_args()
    unknown = set(args.only.split(",")) - set(TITLES)
    if unknown:
        print(f"error: --only takes {', '.join(TITLES)}, not {', '.join(unknown)}", file=sys.stderr)
        return 2
    try:
        bench = Bench(args)
        return int(bench.report(bench.all()))
    except Failed as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
