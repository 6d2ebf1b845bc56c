"""What `bench/install` does once its programs are there: the runs, and the arithmetic on them. No component, release or
namespace is named here: all comes from windlass's plan of the first run, its events, and Helm's records of it."""

import argparse, base64, datetime, gzip, json, os, pathlib, shlex, shutil, statistics, subprocess, sys, tempfile, time

GOALS = [("critical path", 1.15), ("sequential", 0.6), ("helmfile", 1.0)]
# What windlass fills before a release, by the step that does it.
KEPT = {"pull-secret": "secret", "secret": "secret", "derived-secret": "secret", "files": "configmap"}
TIMEOUT = "20m"


class Failed(Exception):
    pass


# --- what a plan and its events say

def graph(plan):
    return {step["id"]: step.get("needs", []) for step in plan["steps"]}


def releases(plan):
    """Releases in the plan's order, which is one in which each comes after those that it needs."""
    found = []
    for step in plan["steps"]:
        if step["work"]["do"] == "release":
            found.append({"id": step["id"], "component": step["component"], **{key: step["work"][key] for key in ("namespace", "name")}})
    return found


def release_needs(plan):
    """The releases that each one waits for, through whatever steps lie between."""
    needs, ids = graph(plan), {release["id"]: release for release in releases(plan)}
    found = {}
    for start in ids:
        seen, left, direct = set(), list(needs[start]), []
        while left:
            at = left.pop()
            if at in seen:
                continue
            seen.add(at)
            if at in ids:
                direct.append(at)
            else:
                left.extend(needs.get(at, []))
        found[start] = sorted(direct)
    return found


def acting(plan):
    """Components with steps of their own that others' releases wait for, and that change something: whoever installs by
    hand has to do these by hand."""
    needs, by_id = graph(plan), {step["id"]: step for step in plan["steps"]}
    waited = set()
    for release in releases(plan):
        left = list(needs[release["id"]])
        while left:
            at = left.pop()
            if at not in waited:
                waited.add(at)
                left.extend(needs.get(at, []))
    # A request that writes is a check in a plan: nobody knows before what it will change.
    writes = lambda step: step["change"] in ("create", "update") or step["work"].get("method", "GET") != "GET"
    found = {by_id[at]["component"] for at in waited if by_id[at]["work"]["do"] == "act" and writes(by_id[at])}
    # Alone, an instance is another release than for who requires it: its steps are left out, in favour of the others.
    return [release["component"] for release in releases(plan) if release["component"] in found and "@" not in release["component"]]


def seconds_of(text):
    date, rest = text.rstrip("Z").split(".") if "." in text else (text.rstrip("Z"), "0")
    return datetime.datetime.fromisoformat(date + "+00:00").timestamp() + float("0." + rest)


def durations(events):
    """Seconds from the first attempt of each step to its end, waits between attempts included."""
    begun, took, run = {}, {}, [None, None]
    for event in events:
        at, kind, step = seconds_of(event["at"]), event["event"], event.get("id")
        if kind in ("run-started", "run-finished"):
            run[kind == "run-finished"] = at
        elif kind == "step-started":
            begun.setdefault(step, at)
        elif kind in ("step-finished", "step-failed") and step in begun:
            took[step] = at - begun[step]
    return took, run[1] - run[0] if None not in run else None


def critical_path(plan, took):
    """The longest way through the plan, as its ids and its seconds: no order of the same steps is faster."""
    needs, best = graph(plan), {}
    for step in (step["id"] for step in plan["steps"]):
        before = max((best[need] for need in needs[step] if need in best), key=lambda found: found[0], default=(0.0, []))
        best[step] = (before[0] + took.get(step, 0.0), before[1] + [step])
    seconds, path = max(best.values(), key=lambda found: found[0], default=(0.0, []))
    return seconds, [step for step in path if took.get(step, 0) > 0]


def helmfile_of(plan, work, hook):
    """The same releases with the same needs, as helmfile wants them (JSON is YAML)."""
    by_id = {release["id"]: release for release in releases(plan)}
    needs, acts = release_needs(plan), acting(plan)
    found = []
    for release in by_id.values():
        name = f"{release['namespace']}/{release['name']}"
        entry = {"name": release["name"], "namespace": release["namespace"], "chart": str(work / "charts" / release["namespace"] / release["name"]),
                 "values": [str(work / "values" / release["namespace"] / (release["name"] + ".yaml"))], "wait": True, "createNamespace": False,
                 "timeout": 1200, "needs": [f"{by_id[need]['namespace']}/{by_id[need]['name']}" for need in needs[release["id"]]]}
        if release["component"] in acts:
            entry["hooks"] = [{"events": ["postsync"], "command": hook, "args": [release["component"]]}]
        assert all(need != name for need in entry["needs"])
        found.append(entry)
    return {"releases": found}


def busy_seconds(stat):
    """Seconds of work of all processors since the machine started, by the first line of /proc/stat; what was taken from it
    for others on the same host is among them, since nobody here could use it."""
    fields = [int(field) for field in stat.split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def verdict(name, ours, theirs, most):
    ratio = ours / theirs if theirs else float("inf")
    met = ratio < most if name == "helmfile" else ratio <= most
    word = "below" if name == "helmfile" else "at most"
    return met, f"{'met    ' if met else 'NOT MET'}  windlass is {ratio:.2f} of {name}, goal {word} {most:g}"


# --- the runs

class Bench:
    def __init__(self, args):
        self.args, self.work = args, pathlib.Path(args.work)
        self.context = self.call(["kubectl", "config", "current-context"]).strip()
        self.hook = self.work / "hook"

    def call(self, command, check=True, **more):
        done = subprocess.run(command, stdin=None if "input" in more else subprocess.DEVNULL, capture_output=True, text=True, **more)
        if check and done.returncode:
            tail = " | ".join((done.stderr + done.stdout).strip().splitlines()[-3:])
            raise Failed(f"{shlex.join(map(str, command))} failed with {done.returncode}: {tail}")
        return done.stdout

    def timed(self, work):
        begun = time.monotonic()
        work()
        return time.monotonic() - begun

    def busy(self):
        return busy_seconds(pathlib.Path("/proc/stat").read_text())

    def windlass(self, *args, check=True):
        return self.call([self.args.windlass, "--sandbox", *args], check=check)

    def install(self, *more):
        self.windlass("install", "--yes", "--no-verify", *self.args.arguments, *more)

    def last_run(self):
        """Plan and events of the newest install of ours."""
        runs = sorted((self.work / "state/windlass/runs").iterdir())
        for run in reversed(runs):
            plan = json.loads((run / "plan.json").read_text())
            if releases(plan):
                return plan, [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
        raise Failed("no run has a release: is there anything to install?")

    def is_installed(self):
        return bool(self.call(["kubectl", "-n", "windlass-system", "get", "secret", "windlass-state", "--ignore-not-found", "-o", "name"]).strip())

    def purge(self, plan=None):
        """Everything goes: what windlass knows, what helm installed beside it, and the plan's namespaces with all claims."""
        if self.is_installed():
            self.windlass("uninstall", "--yes", "--purge-data", "--confirm", self.context)
        for release in reversed(releases(plan) if plan else []):
            self.call(["helm", "uninstall", "-n", release["namespace"], release["name"], "--ignore-not-found", "--wait", "--timeout", TIMEOUT])
        for name in self.namespaces:
            # Helm does not wait for pods: one that ends after its database would use its whole grace.
            self.call(["kubectl", "-n", name, "delete", "pods", "--all", "--force", "--grace-period=0"], check=False)
            self.call(["kubectl", "delete", "namespace", name, "--ignore-not-found", "--timeout", TIMEOUT])
        volumes = json.loads(self.call(["kubectl", "get", "pv", "-o", "json"]))["items"]
        ours = [volume["metadata"]["name"] for volume in volumes if volume["spec"].get("claimRef", {}).get("namespace") in self.namespaces]
        if ours:
            self.call(["kubectl", "wait", "--for=delete", "--timeout=300s", *(f"pv/{name}" for name in ours)])

    namespaces = []

    def take(self, plan):
        """Charts, values, namespaces, Secrets and files of what is installed, so that helm finds what it would."""
        root, objects = pathlib.Path(self.args.root), []
        self.namespaces = [step["work"]["name"] for step in plan["steps"] if step["work"]["do"] == "namespace"]
        for name in self.namespaces:
            objects.append(json.loads(self.call(["kubectl", "get", "namespace", name, "-o", "json"])))
        for step in plan["steps"]:
            work = step["work"]
            if work["do"] in KEPT:
                objects.append(json.loads(self.call(["kubectl", "-n", work["namespace"], "get", KEPT[work["do"]], work["name"], "-o", "json"])))
        kept = [{**{key: value for key, value in item.items() if key not in ("metadata", "status", "spec")},
                 "metadata": {key: item["metadata"][key] for key in ("name", "namespace", "labels", "annotations") if key in item["metadata"]}} for item in objects]
        self.objects = json.dumps({"apiVersion": "v1", "kind": "List", "items": kept})
        for release in releases(plan):
            namespace, name = release["namespace"], release["name"]
            # An instance has its component's chart.
            chart = root / "bundles" / release["component"].split("@")[0] / "chart"
            if not chart.is_dir():
                raise Failed(f"the chart of {release['component']} is not in bundles/: this bench knows the charts of this repository alone")
            to = self.work / "charts" / namespace / name
            shutil.copytree(chart, to)
            # The library that it depends on, where Helm looks for it.
            shutil.copytree(root / "bundles/library", to / "charts/windlass", dirs_exist_ok=True)
            history = json.loads(self.call(["helm", "history", "-n", namespace, name, "-o", "json"]))
            secret = f"sh.helm.release.v1.{name}.v{history[-1]['revision']}"
            data = json.loads(self.call(["kubectl", "-n", namespace, "get", "secret", secret, "-o", "json"]))["data"]["release"]
            record = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(data))))
            # With the annotations that windlass gives, so that it finds its own release afterwards.
            (to / "Chart.yaml").write_text(json.dumps(record["chart"]["metadata"]))
            values = self.work / "values" / namespace
            values.mkdir(parents=True, exist_ok=True)
            (values / (name + ".yaml")).write_text(self.call(["helm", "get", "values", "-n", namespace, name, "-o", "yaml"]))
        arguments = shlex.join([self.args.windlass, "--sandbox", "install", "--yes", "--no-verify", *without_components(self.args.arguments), "--components"])
        # One at a time: windlass lets nobody beside it.
        self.hook.write_text(f"#!/bin/sh\nexec flock {shlex.quote(str(self.work / 'lock'))} {arguments} \"$1\"\n")
        self.hook.chmod(0o700)
        # It looks for top-level keys at the begin of lines; what is in them may be JSON.
        made = helmfile_of(plan, self.work, str(self.hook))
        (self.work / "helmfile.yaml").write_text("".join(f"{key}:\n" + "".join(f"- {json.dumps(item)}\n" for item in items) for key, items in made.items()))

    def prepare(self):
        """What helm does not make: not counted."""
        self.call(["kubectl", "apply", "--server-side", "-f", "-"], input=self.objects)

    def sequential(self, plan):
        acts, own = acting(plan), 0.0
        for release in releases(plan):
            place = pathlib.Path(release["namespace"]) / release["name"]
            self.call(["helm", "upgrade", "--install", release["name"], str(self.work / "charts" / place), "-n", release["namespace"],
                       "-f", str(self.work / "values" / (str(place) + ".yaml")), "--wait", "--timeout", TIMEOUT])
            if release["component"] in acts:
                own += self.timed(lambda: self.call([str(self.hook), release["component"]]))
        return own

    def run(self):
        if self.is_installed():
            if self.args.purge != "yes":
                raise Failed("a platform is installed in the sandbox, and would be purged with its data: --purge says that it may")
            self.purge()
        say("a first install, which does not count: images come to the node, charts and values are taken")
        self.install()
        plan, _ = self.last_run()
        self.take(plan)
        times = {"windlass": [], "critical path": [], "run": [], "work": [], "sequential": [], "steps": [], "helmfile": []}
        path = []
        for number in range(1, self.args.runs + 1):
            self.purge(plan)
            before = self.busy()
            times["windlass"].append(self.timed(self.install))
            times["work"].append((self.busy() - before) / os.cpu_count())
            run_plan, events = self.last_run()
            took, whole = durations(events)
            seconds, path = critical_path(run_plan, took)
            times["critical path"].append(seconds)
            times["run"].append(whole or 0.0)
            self.purge(plan)
            self.prepare()
            own = []
            times["sequential"].append(self.timed(lambda: own.append(self.sequential(plan))))
            times["steps"].append(own[0])
            if self.args.helmfile:
                self.purge(plan)
                self.prepare()
                command = [self.args.helmfile, "--helm-binary", shutil.which("helm"), "--file", str(self.work / "helmfile.yaml"), "--quiet", "sync", "--skip-deps"]
                times["helmfile"].append(self.timed(lambda: self.call(command)))
            latest = ", ".join(f"{name} {values[-1]:.1f} s" for name, values in times.items() if values)
            say(f"run {number} of {self.args.runs}: {latest} (load {os.getloadavg()[0]:.1f})")
        self.purge(plan)
        return report(times, path, len(releases(plan)), acting(plan))


def without_components(arguments):
    """The install's arguments without its choice of components."""
    found, skip = [], False
    for argument in arguments:
        if skip or argument.startswith("--components="):
            skip = False
        elif argument == "--components":
            skip = True
        else:
            found.append(argument)
    return found


def report(times, path, count, acts):
    middle = {name: statistics.median(values) for name, values in times.items() if values}
    rows = [("windlass", "`windlass install --no-verify`, all of the command"), ("run", "of that, from its first step to its last"),
            ("critical path", "the longest way through its steps, by the times of the same runs"),
            ("work", f"what the machine had to do for it, shared among all {os.cpu_count()} processors: no order is faster than that"),
            ("sequential", "`helm upgrade --install --wait`, one after the other"), ("steps", f"of that, what windlass did between ({', '.join(acts) or 'nothing'})"),
            ("helmfile", "`helmfile sync` with the same needs")]
    print(f"{count} releases, medians of {len(times['windlass'])}\n\n| way | s | runs |\n| --- | --- | --- |")
    for name, text in rows:
        if name in middle:
            print(f"| {text} | {middle[name]:.1f} | {', '.join(f'{value:.1f}' for value in times[name])} |")
    print("\ncritical path: " + " -> ".join(path) + "\n")
    missed = False
    for name, most in GOALS:
        if name not in middle:
            print(f"unknown  {name} was not measured")
            continue
        met, text = verdict(name, middle["windlass"], middle[name], most)
        missed |= not met
        print(text)
        if not met and middle.get("work", 0) > most * middle[name]:
            print(f"         the work alone is {middle['work'] / middle[name]:.2f} of it: more processors are needed, and not another order")
    return 1 if missed else 0


def say(text):
    print(text, file=sys.stderr, flush=True)


# --- what needs no cluster

def test():
    def step(identity, component, do, needs=(), change="create", **more):
        return {"id": identity, "component": component, "change": change, "needs": list(needs), "work": {"do": do, **more}}

    plan = {"steps": [
        step("namespace/n", "platform", "namespace", name="n"),
        step("a/release", "a", "release", ["namespace/n"], namespace="n", name="my-a"),
        step("a/ready", "a", "ready", ["a/release"], "check", namespace="n", name="my-a"),
        step("a/after-1", "a", "act", ["a/ready"]),
        step("b@x/release", "b@x", "release", ["namespace/n"], namespace="n", name="my-b"),
        step("b@x/ready", "b@x", "ready", ["b@x/release"], "check", namespace="n", name="my-b"),
        step("b@x/after-1", "b@x", "act", ["b@x/ready"], "check"),
        step("c/release", "c", "release", ["a/after-1", "b@x/after-1"], namespace="m", name="my-c"),
        step("c/ready", "c", "ready", ["c/release"], "check", namespace="m", name="my-c"),
        step("c/after-1", "c", "act", ["c/ready"]),
    ]}
    assert [release["name"] for release in releases(plan)] == ["my-a", "my-b", "my-c"]
    assert busy_seconds("cpu  200 100 50 9000 900 10 20 20 7 7\ncpu0 1 1 1 1\n") == 400 / os.sysconf("SC_CLK_TCK")
    assert release_needs(plan) == {"a/release": [], "b@x/release": [], "c/release": ["a/release", "b@x/release"]}
    assert acting(plan) == ["a"], "what only looks, and what nobody waits for, is not done again"
    asks = {"steps": [
        step("a/release", "a", "release", namespace="n", name="my-a"),
        step("a/after-1", "a", "act", ["a/release"], "check", method="POST"),
        step("b/release", "b", "release", ["a/after-1"], namespace="n", name="my-b"),
        step("b/after-1", "b", "act", ["b/release"], "check", method="GET"),
        step("c/release", "c", "release", ["b/after-1"], namespace="n", name="my-c"),
    ]}
    assert acting(asks) == ["a"], "a request that writes is"
    at = lambda seconds: f"2026-01-01T00:00:{seconds:09.6f}Z"
    events = [{"at": at(0), "event": "run-started"}]
    for identity, begin, end in [("namespace/n", 0, 1), ("a/release", 1, 2), ("a/ready", 2, 20), ("a/after-1", 20, 21), ("b@x/release", 1, 3),
                                 ("b@x/ready", 3, 9), ("c/release", 21, 22), ("c/ready", 22.5, 30)]:
        events += [{"at": at(begin), "event": "step-started", "id": identity}, {"at": at(begin + 0.25), "event": "step-started", "id": identity},
                   {"at": at(end), "event": "step-finished", "id": identity}]
    events.append({"at": at(31), "event": "run-finished"})
    took, whole = durations(events)
    assert took["a/ready"] == 18 and whole == 31, "from the first attempt on"
    seconds, path = critical_path(plan, took)
    assert abs(seconds - 29.5) < 1e-6, seconds
    assert path == ["namespace/n", "a/release", "a/ready", "a/after-1", "c/release", "c/ready"]
    made = helmfile_of(plan, pathlib.Path("/w"), "/w/hook")["releases"]
    assert [entry["needs"] for entry in made] == [[], [], ["n/my-a", "n/my-b"]]
    assert ["hooks" in entry for entry in made] == [True, False, False]
    assert made[2]["chart"] == "/w/charts/m/my-c" and made[2]["values"] == ["/w/values/m/my-c.yaml"]
    assert verdict("critical path", 115, 100, 1.15)[0] and not verdict("critical path", 116, 100, 1.15)[0]
    assert verdict("sequential", 60, 100, 0.6)[0] and not verdict("helmfile", 100, 100, 1.0)[0]
    assert without_components(["--components", "a", "--set", "x=1", "--components=b", "-v"]) == ["--set", "x=1", "-v"]
    fakes()
    print("ok")


def fakes():
    """All of a bench against programs that only note what they are asked."""
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        root, bin = work / "root", work / "bin"
        for below in ("bundles/a/chart", "bundles/b/chart", "bundles/library"):
            (root / below).mkdir(parents=True)
            (root / below / "Chart.yaml").write_text("{}")
        bin.mkdir()
        record = base64.b64encode(base64.b64encode(gzip.compress(json.dumps({"chart": {"metadata": {"name": "x"}}}).encode()))).decode()
        plan = {"steps": [
            {"id": "namespace/n", "component": "platform", "change": "create", "work": {"do": "namespace", "name": "n"}},
            {"id": "s", "component": "a", "change": "create", "work": {"do": "secret", "namespace": "n", "name": "s"}},
            {"id": "a/release", "component": "a", "change": "create", "needs": ["s"], "work": {"do": "release", "namespace": "n", "name": "my-a"}},
            {"id": "a/after-1", "component": "a", "change": "create", "needs": ["a/release"], "work": {"do": "act"}},
            {"id": "b@i/release", "component": "b@i", "change": "create", "needs": ["a/after-1"], "work": {"do": "release", "namespace": "n", "name": "my-b"}}]}
        (work / "plan.json").write_text(json.dumps(plan))
        (work / "events.jsonl").write_text("\n".join(json.dumps(event) for event in [
            {"at": "2026-01-01T00:00:00Z", "event": "run-started"}, {"at": "2026-01-01T00:00:00Z", "event": "step-started", "id": "a/release"},
            {"at": "2026-01-01T00:00:02.5Z", "event": "step-finished", "id": "a/release"}, {"at": "2026-01-01T00:00:03Z", "event": "run-finished"}]))
        secret = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {"name": "s", "namespace": "n", "uid": "u", "labels": {"l": "1"}}, "data": {"release": record}}
        programs = {
            "windlass": f"""case "$*" in *install*--yes*--no-verify*) run={work}/state/windlass/runs/$(date +%s%N); mkdir -p $run; touch {work}/there
cp {work}/plan.json {work}/events.jsonl $run;; *uninstall*) rm -f {work}/there;; esac""",
            "kubectl": f"""case "$*" in *current-context*) echo box;; *windlass-state*) [ ! -e {work}/there ] || echo secret/x;; *"get pv"*) echo '{{"items": []}}';;
*"get namespace"*) echo '{{"apiVersion": "v1", "kind": "Namespace", "metadata": {{"name": "n"}}, "spec": {{}}, "status": {{}}}}';;
*"get secret"*) echo '{json.dumps(secret)}';; *apply*) cat >{work}/applied;; esac""",
            "helm": """case "$*" in *history*) echo '[{"revision": 1}]';; *"get values"*) echo 'x: 1';; esac""",
            "helmfile": "",
        }
        for name, text in programs.items():
            (bin / name).write_text(f"#!/bin/sh\necho {name} \"$@\" >>{work}/calls\n{text}\n")
            (bin / name).chmod(0o755)
        os.environ["PATH"] = f"{bin}:{os.environ['PATH']}"
        arguments = argparse.Namespace(root=str(root), work=folder, windlass=str(bin / "windlass"), helmfile=str(bin / "helmfile"), runs=1, purge="no",
                                       arguments=["--profile", "small"])
        assert Bench(arguments).run() in (0, 1)
        calls = (work / "calls").read_text().splitlines()
        sent = json.loads((work / "applied").read_text())["items"]
        assert [item["kind"] for item in sent] == ["Namespace", "Secret"] and all("uid" not in item["metadata"] and "status" not in item for item in sent)
        upgrades = [call for call in calls if call.startswith("helm upgrade")]
        assert len(upgrades) == 2 and all("--wait" in call for call in upgrades)
        index = calls.index(upgrades[0])
        assert calls[index + 1] == "windlass --sandbox install --yes --no-verify --profile small --components a", calls[index + 1]
        assert any(call.startswith("helmfile --helm-binary") for call in calls)
        assert calls.count("kubectl delete namespace n --ignore-not-found --timeout 20m") == 4, "before each way, and at the end"
        assert sum("uninstall --yes --purge-data --confirm box" in call for call in calls) >= 2
        (work / "there").touch()
        try:
            Bench(arguments).run()
            raise AssertionError("a platform that is there was purged unasked")
        except Failed as error:
            assert "--purge" in str(error)


def main():
    if "--test" in sys.argv:
        return test()
    parser = argparse.ArgumentParser()
    for name in ("root", "work", "windlass", "helmfile", "purge"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("arguments", nargs="*")
    at = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    args = parser.parse_args(sys.argv[1:at])
    args.arguments = sys.argv[at + 1:]
    try:
        return Bench(args).run()
    except Failed as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


sys.exit(main())
