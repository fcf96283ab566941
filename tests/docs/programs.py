"""What the documentation's programs must do: those that do not end by themselves."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.request

PATIENCE = 20


def command(language, directory, name, body):
    """Writes a program and returns how to run it."""
    suffix, interpreter = {"python": (".py", [os.environ["DOCS_PYTHON"]]), "js": (".mjs", ["node"]), "sh": (".sh", ["bash", "-eu"])}[language]
    path = pathlib.Path(directory) / (name if name.endswith(suffix) else name + suffix)
    path.write_text(body)
    return [*interpreter, str(path)]


class Program:
    """A block that a test starts, stops and starts again; its output is kept."""

    def __init__(self, block, directory, environment):
        self.directory, self.environment = pathlib.Path(directory), environment
        self.command = command(block.language, directory, block.program, block.body)
        self.log = self.directory / f"{block.program}.log"
        self.process = None

    def start(self, **environment):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.directory, env=self.environment | environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def kill(self):
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def output(self):
        return self.log.read_text() if self.log.exists() else ""

    def sql(self, text):
        done = subprocess.run(["psql", "-qXAt", "-v", "ON_ERROR_STOP=1", "-c", text], env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def until(self, what, holds):
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert self.process.poll() is None, f"{what}: it has ended:\n{self.output()}"
            assert time.monotonic() < deadline, f"{what}: not after {PATIENCE} s:\n{self.output()}"
            time.sleep(0.02)


def table(program):
    """The rows of goals as the copies must have them: JSON with exact numbers."""
    return json.loads(program.sql("SELECT coalesce(json_agg(g ORDER BY id), '[]') FROM goals AS g"))


def keeps_a_copy(program, copy):
    """A reader whose copy must be the table after changes, a kill, a restart of its session, and 72000."""
    same = lambda: copy() == table(program)
    reads = lambda: program.output().count("reading the table")
    begun = table(program)
    try:
        program.start()
        program.until("it reads the table", lambda: reads() == 1 and same())
        program.sql("INSERT INTO goals VALUES (9007199254740993, '7', '\"9007199254740993\" \\ 12345678901234567890')")
        program.sql("UPDATE goals SET status = 'done' WHERE id = 1")
        program.sql("UPDATE goals SET id = 9007199254740995 WHERE id = 2")
        program.sql("DELETE FROM goals WHERE id = 1")
        program.until("it applies changes", same)
        program.kill()
        program.sql("INSERT INTO goals VALUES (9007199254740992, '7', 'while it was away')")
        program.start()
        program.until("it goes on where it was", same)
        program.sql("SET pgrealtime.max_record_bytes = 1024; INSERT INTO goals VALUES (20, '7', repeat('x', 5000))")
        program.sql(f"ALTER DATABASE {program.environment['PGDATABASE']} SET pgrealtime.max_record_bytes = 1024")
        program.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE '%wait_for_changes%' AND pid <> pg_backend_pid()")
        program.sql("UPDATE goals SET title = repeat('y', 5000) WHERE id = 20")
        program.until("it comes back, and reads a row whose message lacks values", same)
        assert reads() == 1, f"it has read the table {reads()} times instead of once:\n{program.output()}"
        program.sql("SELECT pgrealtime.invalidate_cursors()")
        program.sql("INSERT INTO goals VALUES (21, '7', 'after the cursor was refused')")
        program.until("it reads the table again", lambda: reads() == 2 and same())
        program.sql("TRUNCATE goals")
        program.until("it truncates", same)
        program.sql("INSERT INTO goals VALUES (1, '7', 'one')")
        program.until("it goes on after that", same)
    finally:
        program.kill()
        program.sql(f"ALTER DATABASE {program.environment['PGDATABASE']} RESET pgrealtime.max_record_bytes")
        values = ", ".join(f"({row['id']}, '{row['user_id']}', '{row['title']}', '{row['status']}')" for row in begun)
        program.sql(f"TRUNCATE goals; INSERT INTO goals VALUES {values}")


def follow_py(program):
    def copy():
        path = program.directory / "goals.db"
        if not path.exists():
            return None
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return [json.loads(record) for (record,) in connection.execute("SELECT record FROM goals ORDER BY id")]
        except sqlite3.OperationalError:
            return None
        finally:
            connection.close()

    keeps_a_copy(program, copy)


def follow_mjs(program):
    def copy():
        path = program.directory / "goals.json"
        if not path.exists():
            return None
        rows = json.loads(path.read_text())["rows"].values()
        big = lambda row: row | {"id": int(row["id"])}
        assert all(isinstance(row["id"], int) == (abs(int(row["id"])) < 2**53) or int(row["id"]) % 2 == 0 for row in rows), rows
        return sorted(map(big, rows), key=lambda row: row["id"])

    keeps_a_copy(program, copy)


def follow_sh(program):
    """It prints changes, goes on after a kill, and reads the table when its cursor is refused."""
    lines = lambda: [json.loads(line) for line in program.output().splitlines() if line.startswith("{")]
    ids = lambda: [(line["type"], (line.get("record") or line.get("old_record"))["id"]) for line in lines()]
    cursor = program.directory / "goals.cursor"
    try:
        program.start()
        program.until("it reads the table", lambda: cursor.exists() and cursor.stat().st_size > 0)
        assert "Learn to sail" in (program.directory / "goals.csv").read_text()
        program.sql("INSERT INTO goals VALUES (9007199254740993, '7', 'big')")
        program.until("it prints a change", lambda: ids() == [("INSERT", 9007199254740993)])
        stored = cursor.read_text()
        program.until("it stores the cursor", lambda: cursor.read_text() != stored or len(stored) > 0)
        time.sleep(0.2)
        program.kill()
        program.sql("DELETE FROM goals WHERE id = 9007199254740993")
        program.start()
        program.until("it goes on where it was", lambda: ids()[-1] == ("DELETE", 9007199254740993))
        assert len(ids()) <= 3, ids()
        program.sql("SELECT pgrealtime.invalidate_cursors(); INSERT INTO goals VALUES (30, '7', 'gone by')")
        program.until("it reads the table again", lambda: "was read again" in program.output())
        program.until("the file has it", lambda: "gone by" in (program.directory / "goals.csv").read_text())
        program.sql("DELETE FROM goals WHERE id = 30")
        program.until("it goes on", lambda: ids()[-1] == ("DELETE", 30))
    finally:
        program.kill()


class Stream:
    """A client of the relay: what it heard, and its last id."""

    def __init__(self, port, user, last=""):
        headers = {"X-User": user} | ({"Last-Event-ID": last} if last else {})
        self.heard, self.last, self.ended = [], last, False
        self.response = urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/", headers=headers), timeout=PATIENCE)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        event = ""
        try:
            for line in self.response:
                name, _, value = line.decode().rstrip("\n").partition(":")
                value = value.strip()
                if name == "event":
                    event = value
                elif name == "id":
                    self.last = value
                elif name == "data":
                    self.heard.append((event, json.loads(value) if value else None))
        except (OSError, ValueError, AttributeError):
            pass
        self.ended = True

    def ids(self, event):
        row = lambda data: data if event == "row" else data.get("record") or data["old_record"]
        return [row(data)["id"] for name, data in self.heard if name == event]

    def has(self, event):
        return any(name == event for name, _ in self.heard)

    def close(self):
        self.response.fp.raw._sock.shutdown(socket.SHUT_RDWR)


def relay_mjs(program):
    """Two users with a policy, a client that comes back, one without a cursor, and cursors that are refused."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def listens():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    start = lambda: program.start(PORT=str(port), PGUSER="my_relay")
    mine = json.loads(program.sql("SELECT json_agg(id) FROM goals WHERE user_id = '7'"))
    try:
        start()
        program.until("it listens", listens)
        seven, eight = Stream(port, "7"), Stream(port, "8")
        program.until("both are live", lambda: seven.has("live") and eight.has("live"))
        assert sorted(seven.ids("row")) == sorted(mine), seven.heard
        program.sql("INSERT INTO goals VALUES (9007199254740993, '7', 'mine'), (41, '8', 'not mine')")
        program.until("each gets its own", lambda: seven.ids("change") == [9007199254740993] and eight.ids("change") == [41])
        seven.close()
        program.sql("INSERT INTO goals VALUES (42, '7', 'missed')")
        again = Stream(port, "7", seven.last)
        program.until("a client that comes back gets what it missed", lambda: again.ids("change") == [42])
        assert not again.has("row")
        program.kill()
        program.sql("INSERT INTO goals VALUES (43, '7', 'missed, too')")
        start()
        program.until("it listens again", listens)
        again = Stream(port, "7", again.last)
        program.until("also after a restart of the relay", lambda: again.ids("change") == [43] and again.has("live"))
        program.sql("UPDATE goals SET user_id = '8' WHERE id = 43")
        program.until("a row that leaves is a DELETE", lambda: again.heard[-1][1] and again.heard[-1][1]["type"] == "DELETE")
        program.sql("SELECT pgrealtime.invalidate_cursors()")
        program.sql("INSERT INTO goals VALUES (44, '7', 'unseen')")
        program.until("readers are sent to the table", lambda: again.has("again") and again.ended and again.last == "")
        anew = Stream(port, "7", again.last)
        program.until("and read it", lambda: anew.has("live") and 44 in anew.ids("row"))
        old = Stream(port, "7", seven.last)
        program.until("a cursor that is too old is refused", lambda: old.has("again"))
    finally:
        program.kill()
        program.sql("DELETE FROM goals WHERE id > 40")


SCENARIOS = {"follow.sh": follow_sh, "follow.py": follow_py, "follow.mjs": follow_mjs, "relay.mjs": relay_mjs}
