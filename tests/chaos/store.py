"""The stores that chaos runs may use: what they are named by, how one stops
and starts that is a server, and whether one was damaged."""
import os
import shutil
import subprocess
import tempfile
import urllib.parse

PG = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "support", "pg")
PG_LIMIT_S = 90


class Sqlite:
    stops = False

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


class Postgresql:
    """A server of the run's own. Its folder is not the run's: it may belong
    to another user, and the name of its socket must be short."""
    stops = True

    def __init__(self, _folder):
        self.folder = tempfile.mkdtemp(
            prefix="pg.", dir=os.environ.get("JOBQ_TEST_SERVERS") or "/tmp")
        self.back = None
        try:
            self.pg("start", "jobq")
        except BaseException:
            self.close()
            raise
        self.url = "postgresql:///jobq?host=" + urllib.parse.quote(
            self.folder, safe="")

    def pg(self, command, *arguments):
        subprocess.run([PG, command, self.folder, *arguments], check=True,
                       stdin=subprocess.DEVNULL, timeout=PG_LIMIT_S)

    def stop(self):
        """Stops it without a checkpoint, and begins to start it again."""
        self.pg("kill")
        self.back = subprocess.Popen([PG, "start", self.folder, "jobq"],
                                     stdin=subprocess.DEVNULL)

    def away(self):
        return self.back is not None and self.back.poll() is None

    def trouble(self):
        if self.back is not None and self.back.wait(PG_LIMIT_S) != 0:
            return ["the server did not start again"]
        with open(os.path.join(self.folder, "log"), encoding="utf-8",
                  errors="replace") as file:
            return ["the server's log: " + line.strip() for line in file
                    if "deadlock detected" in line or "PANIC" in line]

    def close(self):
        if self.back is not None:
            self.back.wait(PG_LIMIT_S)
        subprocess.run([PG, "stop", self.folder, "immediate"], check=False,
                       stdin=subprocess.DEVNULL, timeout=PG_LIMIT_S)
        shutil.rmtree(self.folder, ignore_errors=True)


KINDS = {"sqlite": Sqlite, "postgresql": Postgresql}
