"""What the chaos runs share: circles of stages, effects, the history.

A run has a folder of its own with the store, the effects file to which each
job appends, and the history that check judges. It is removed when all was
well and kept, and named, when it was not. A server that is the store is
removed in any case.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import store

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.environ.get("JOBQ_BUILD") or os.path.join(TOP, "build")
BIN = os.path.join(BUILD, "bin")
CHECK = os.path.join(TOP, "tests", "chaos", "check")

# Each line is one write to a file that is open for appending.
HANDLER = """#!/bin/sh
echo "$JOBQ_ID $JOBQ_EPOCH $$ start" >>{effects}
{work}
echo "$JOBQ_ID $JOBQ_EPOCH $$ end" >>{effects}
"""


def now():
    return time.monotonic()


def wait_until(seconds, condition):
    """The last result of condition(), true or not."""
    end = now() + seconds
    while True:
        result = condition()
        if result or now() > end:
            return result
        time.sleep(0.01)


def alive(pid):
    """Whether there is such a process; a zombie is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children",
                  encoding="utf-8") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode(errors="replace").split("\0")
    except OSError:
        return []


class Run:
    """The folder of one run, and the history that is written there."""

    def __init__(self, name, work, kind="sqlite"):
        self.folder = tempfile.mkdtemp(prefix=f"jobq-{name}.")
        self.effects = self.path("effects")
        self.history = open(self.path("history.ndjson"), "w",
                            encoding="utf-8")
        self.handler = self.path("handler")
        with open(self.handler, "w", encoding="utf-8") as file:
            file.write(HANDLER.format(effects=self.effects, work=work))
        os.chmod(self.handler, 0o755)
        open(self.effects, "w", encoding="utf-8").close()
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith(("JOBQ_LOG", "NOTIFY_"))}
        self.store = store.KINDS[kind](self.folder)
        self.env.update(JOBQ_URL=self.store.url,
                        XDG_STATE_HOME=self.folder, TMPDIR=self.folder,
                        PATH=BIN + ":" + os.environ["PATH"])
        self.said = open(self.path("said"), "wb")
        self.counted = self.ends = 0
        # Told to end, a run still takes its circles with it.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    def path(self, name):
        return os.path.join(self.folder, name)

    def note(self, op, **members):
        self.history.write(json.dumps({"op": op, **members}) + "\n")
        self.history.flush()

    def start(self, arguments, stdin=subprocess.DEVNULL,
              stdout=subprocess.DEVNULL):
        return subprocess.Popen(
            arguments, stdin=stdin, stdout=stdout, stderr=self.said,
            env=self.env, cwd=self.folder)

    def lines(self, arguments, text=""):
        """What a command prints, line by line, parsed."""
        done = subprocess.run(
            arguments, input=text, stdout=subprocess.PIPE,
            stderr=self.said, env=self.env, cwd=self.folder, timeout=300,
            check=False, encoding="utf-8")
        if done.returncode not in (0, 1):
            raise RuntimeError(f"{arguments[0]} exits {done.returncode}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def read_effects(self):
        with open(self.effects, encoding="utf-8") as file:
            for line in file:
                name, epoch, pid, what = line.split()
                yield what, name, int(epoch), int(pid)

    def count_ends(self):
        """How many runs have done their work."""
        with open(self.effects, "rb") as file:
            file.seek(self.counted)
            text = file.read()
        text = text[:text.rfind(b"\n") + 1]
        self.counted += len(text)
        self.ends += text.count(b" end\n")
        return self.ends

    def survivors(self):
        """Processes of jobs that outlived their runner."""
        return [int(pid) for pid in os.listdir("/proc")
                if pid.isdigit() and self.handler in command_of(pid)]

    def finish(self, trouble):
        """Adds the last words to the history and judges it: exit code."""
        for what, name, epoch, pid in self.read_effects():
            self.note(what, id=name, epoch=epoch, pid=pid)
        if self.store.logs:
            for line in self.lines(
                    ["jobq-watch", "--since", "0", "--no-follow"]):
                self.note("event", line=line)
        else:
            self.note("unlogged")
        for job in self.lines(["jobq-list", "--json"]):
            job.pop("input", None)
            self.note("job", job=job)
        for job in self.lines(["jobq-poll"]):
            self.note("ready", id=job["id"])
        self.history.close()
        if not wait_until(5, lambda: not self.survivors()):
            trouble.append(f"processes of jobs are left: {self.survivors()}")
        sys.stdout.flush()
        code = subprocess.call([CHECK, self.path("history.ndjson")])
        for text in trouble:
            print(json.dumps({"violation": "run", "why": text}))
        if code or trouble:
            print(f"kept: {self.folder}", file=sys.stderr)
            self.store.close()
            return 1
        self.store.close()
        self.said.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        return 0


class Circle:
    """Stages whose last writes to the first. They are started together and
    end together: when one is gone the others have a moment to end by their
    own rules, then they are killed, and a new circle may be made."""

    def __init__(self, run, worker, claim, places, report=False):
        self.worker = worker
        self.died = None
        argv = [["jobq-claim", "--ring", str(places), "--worker", worker,
                 *claim],
                ["jobq-run", "-j", str(places), "--grace", "1", "--",
                 run.handler]]
        if report:
            argv.append(["jobq-report"])
        pipes = [os.pipe() for _ in argv]  # pipe i feeds stage i
        self.stages = [
            run.start(arguments, pipes[i][0], pipes[(i + 1) % len(argv)][1])
            for i, arguments in enumerate(argv)]
        for ends in pipes:
            for end in ends:
                os.close(end)

    def pids(self):
        return [s.pid for s in self.stages if s.poll() is None]

    def over(self):
        """Whether all stages have ended; what is left is killed in time."""
        left = self.pids()
        if len(left) < len(self.stages) and self.died is None:
            self.died = now()
        if left and self.died is not None and now() > self.died + 2:
            for stage in self.stages:
                stage.kill()
        return not left

    def signal(self, number):
        for stage in self.stages:
            if stage.poll() is None:
                stage.send_signal(number)

    def terminate(self):
        if self.stages[0].poll() is None:
            self.stages[0].terminate()

    def stop(self):
        for stage in self.stages:
            if stage.poll() is None:
                stage.send_signal(signal.SIGCONT)
                stage.kill()
            stage.wait()


class Work:
    """The same interface over one jobq-work, which makes its circle."""

    def __init__(self, run, worker, claim, places, _report=False):
        self.worker = worker
        self.main = run.start(
            ["jobq-work", "-j", str(places), "--worker", worker,
             "--grace", "1", *claim, "--", run.handler])

    def pids(self):
        if self.main.poll() is not None:
            return []
        stages = [pid for pid in children(self.main.pid)
                  if "jobq-" in (command_of(pid) or [""])[0]]
        return [self.main.pid, *stages]

    def over(self):
        return self.main.poll() is not None

    def terminate(self):
        if self.main.poll() is None:
            self.main.terminate()

    def stop(self):
        if self.main.poll() is None:
            self.main.terminate()
            try:
                self.main.wait(10)
            except subprocess.TimeoutExpired:
                self.main.kill()
        self.main.wait()
