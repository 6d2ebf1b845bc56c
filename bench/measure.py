"""Runs a command and measures it: `measure.py FILE COMMAND...` appends to FILE its seconds, its own peak memory and that of
its largest child in KiB, and its own seconds of processor; `measure.py --screen FILE COMMAND...` presses the keys of a
guided install in a terminal of 200x60 meanwhile, which needs pyte. Ends with the command's exit code."""

import fcntl, os, pty, re, resource, struct, subprocess, sys, termios, threading, time

screen = sys.argv[1] == "--screen"
out, command = sys.argv[1 + screen], sys.argv[2 + screen:]
stdin = subprocess.DEVNULL
if screen:
    import pyte

    # What is drawn is only what differs, so that words are to be found on a terminal, not in its bytes.
    terminal = pyte.Screen(200, 60)
    stream = pyte.ByteStream(terminal)
    ours, stdin = pty.openpty()
    fcntl.ioctl(stdin, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 200, 0, 0))

    def read():
        try:
            while part := os.read(ours, 65536):
                stream.feed(part)
        except OSError:
            pass

    def keys():
        # What is waited for, and what is pressed then.
        for text, press in [(r"Kubernetes v1\.", b"\r"), (r"\[Source\]", b"\r"),
                            (r"(?s)\[Preflight\].*(No findings|errors: 0)", b"c"),
                            (r"\[Components\]", b"c"), (r"\[Sizes\]", b"c"), (r"\[Questions\]", b"c"),
                            (r"\[Images\]", b"c"), (r"(?s)\[Review\].* create", b"c"), (r"Install on", b"y"),
                            (r"\[Summary\]", b"q")]:
            until = time.monotonic() + 900
            while not re.search(text, "\n".join(terminal.display)):
                if time.monotonic() > until:
                    print("the screen never showed", text, file=sys.stderr)
                    child.kill()
                    return
                time.sleep(0.1)
            time.sleep(2)
            os.write(ours, press)

    os.environ["TERM"] = "xterm-256color"
begun = time.monotonic()
more = dict(stdout=stdin, stderr=stdin, start_new_session=True) if screen else {}
child = subprocess.Popen(command, stdin=stdin, **more)
if screen:
    for work in read, keys:
        threading.Thread(target=work, daemon=True).start()
peak, processor = 0, 0.0
while child.poll() is None:
    try:
        for line in open(f"/proc/{child.pid}/status"):
            if line.startswith("VmHWM:"):
                peak = max(peak, int(line.split()[1]))
        ticks = open(f"/proc/{child.pid}/stat").read().rsplit(")", 1)[1].split()[11:13]
        processor = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    except OSError:
        pass
    time.sleep(0.005)
with open(out, "a") as results:
    print(f"{time.monotonic() - begun:.3f} {peak} {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss} {processor}", file=results)
sys.exit(child.returncode)
