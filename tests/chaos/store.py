"""The stores that chaos runs may use: what they are named by, how one stops
and starts that is a server, and whether one was damaged."""
import os
import shutil
import socket
import subprocess
import tempfile
import urllib.parse

PG = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "support", "pg")
REDIS = os.path.join(os.path.dirname(PG), "redis")
LIMIT_S = 90


class Sqlite:
    stops = False
    logs = True  # what happens to jobs is kept as events

    def __init__(self, folder):
        self.file = os.path.join(folder, "q.db")
        self.url = "sqlite:" + self.file

    def trouble(self):
        check = subprocess.run(
            ["sqlite3", self.file, "PRAGMA integrity_check"],
            stdout=subprocess.PIPE, check=False, encoding="utf-8")
        if check.stdout.strip() == "ok":
            return []
        return ["the store's file is damaged: " + check.stdout]

    def close(self):
        pass


class Server:
    """A server of the run's own. Its folder is not the run's: it may belong
    to another user, and the name of its socket must be short. Its program
    takes "start" and "kill" with the folder, and what a kind adds."""
    stops = True
    logs = True
    more = ()

    def __init__(self, _folder):
        self.folder = tempfile.mkdtemp(
            prefix="srv.", dir=os.environ.get("JOBQ_TEST_SERVERS") or "/tmp")
        self.back = None
        try:
            self.told("start", *self.more)
        except BaseException:
            self.close()
            raise

    def told(self, command, *arguments):
        subprocess.run([self.program, command, self.folder, *arguments],
                       check=True, stdin=subprocess.DEVNULL, timeout=LIMIT_S)

    def stop(self):
        """Kills it at once, and begins to start it again."""
        self.told("kill")
        self.back = subprocess.Popen(
            [self.program, "start", self.folder, *self.more],
            stdin=subprocess.DEVNULL)

    def away(self):
        return self.back is not None and self.back.poll() is None

    def trouble(self):
        if self.back is not None and self.back.wait(LIMIT_S) != 0:
            return ["the server did not start again"]
        return []

    def close(self):
        if self.back is not None:
            self.back.wait(LIMIT_S)
        subprocess.run([self.program, *self.end[:1], self.folder,
                        *self.end[1:]], check=False,
                       stdin=subprocess.DEVNULL, timeout=LIMIT_S)
        shutil.rmtree(self.folder, ignore_errors=True)


class Redis(Server):
    """All that it acknowledges is on disk (appendfsync always)."""
    program = REDIS
    end = ("kill",)

    @property
    def url(self):
        return "unix:" + os.path.join(self.folder, "s")


class RedisStreams(Redis):
    """Jobs are entries of a stream, on a port that stays."""
    logs = False

    def __init__(self, folder):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        self.more = ("--port", str(self.port), "--bind", "127.0.0.1")
        super().__init__(folder)

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}?adapter=redis-streams"


class Postgresql(Server):
    program = PG
    more = ("jobq",)
    end = ("stop", "immediate")

    @property
    def url(self):
        return "postgresql:///jobq?host=" + urllib.parse.quote(
            self.folder, safe="")

    def trouble(self):
        trouble = super().trouble()
        if trouble:
            return trouble
        with open(os.path.join(self.folder, "log"), encoding="utf-8",
                  errors="replace") as file:
            return ["the server's log: " + line.strip() for line in file
                    if "deadlock detected" in line or "PANIC" in line]


KINDS = {"sqlite": Sqlite, "postgresql": Postgresql, "redis": Redis,
         "redis-streams": RedisStreams}
