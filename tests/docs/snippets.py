"""Runs the snippets of the documentation: every fenced block of README.md and docs/*.md that names a language.

The SQL blocks of a file run in order, in one psql session and one fresh database. The other blocks run between them, each
as a program of its own in that database. A block that names a file (```python follow.py) is a program that does not end
by itself: a function of programs.py runs it and looks at what it does. A block marked ```text output is what the SQL block
before it must have printed. Blocks marked text or json, and those without a language, are not run.

Links to files of the repository, and to headings in them, must lead somewhere.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter

import programs

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent

# Not run here, by file and language, and why.
SKIPPED = {
    "docs/gateway.md": dict.fromkeys(
        ("sh", "js", "python", "nginx", "ini"),
        "needs the gateway; tests/gateway_clients, gateway_browser, gateway_http and gateway_ops run what it shows",
    ),
}
# What the reader of a file has already.
BEFORE = {
    "docs/gateway.md": "CREATE EXTENSION pgrealtime; CREATE ROLE authenticated; CREATE TABLE todos (id bigint PRIMARY KEY, done boolean)",
}

LANGUAGES = {"sql", "sh", "python", "js"}
NOT_RUN = {"", "text", "json"}
OUTPUT = "text output"


class Block:
    def __init__(self, file, line, info, body):
        words = info.split()
        self.file, self.line, self.body = file, line, body
        self.is_output = info == OUTPUT
        self.language = words[0] if words else ""
        self.program = words[1] if len(words) > 1 else None

    def __str__(self):
        return f"{self.file}:{self.line} ({self.program or self.language})"


class Failed(Exception):
    pass


def blocks_of(file):
    """The fenced blocks of a Markdown file, those in lists included."""
    found, fence = [], None
    for number, line in enumerate((ROOT / file).read_text().splitlines(), 1):
        opening = re.match(r"( *)(`{3,})(.*)$", line)
        if fence is None and opening:
            fence, indent, begin, info, body = opening[2], len(opening[1]), number, opening[3].strip(), []
        elif fence is not None and opening and opening[2] == fence and not opening[3].strip():
            found.append(Block(file, begin, info, "\n".join(body) + "\n"))
            fence = None
        elif fence is not None:
            body.append(line[indent:] if not line[:indent].strip() else line)
    if fence is not None:
        raise Failed(f"{file}:{begin}: the block is never closed")
    return found


def anchors(path):
    """What GitHub calls the headings of a Markdown file."""
    found, counts, fenced = set(), Counter(), False
    for line in path.read_text().splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        heading = None if fenced else re.match(r"#+ (.*)", line)
        if heading:
            name = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading[1]).lower()).replace(" ", "-")
            found.add(f"{name}-{counts[name]}" if counts[name] else name)
            counts[name] += 1
    return found


def check_links(file):
    text = re.sub(r"```.*?```", "", (ROOT / file).read_text(), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (ROOT / file).parent / path if path else ROOT / file
        if not there.exists():
            raise Failed(f"{file}: the link {target} leads nowhere")
        if anchor and anchor not in anchors(there):
            raise Failed(f"{file}: {path or file} has no heading #{anchor}")


def psql(*arguments, database="postgres"):
    command = ["psql", "-qXAt", "-v", "ON_ERROR_STOP=1", "-d", database, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"psql: {done.stderr}")
    return done.stdout.strip()


class Session:
    """A psql that gets one block after the other, so that \\gset and SET last from block to block."""

    def __init__(self, database):
        command = ["psql", "-X", "-d", database, "-v", "ON_ERROR_STOP=1", "-P", "pager=off"]
        self.output = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=self.output, stderr=subprocess.STDOUT, text=True, cwd=tempfile.gettempdir()
        )
        self.count = 0

    def run(self, block):
        self.count += 1
        done = f"block {self.count} is done"
        self.output.seek(0, os.SEEK_END)
        begin = self.output.tell()
        try:
            self.process.stdin.write(f"{block.body}\n\\echo {done}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        deadline = time.monotonic() + 60
        while True:
            ended = self.process.poll() is not None
            said = os.pread(self.output.fileno(), 1 << 20, begin).decode()
            if said.endswith(done + "\n"):
                self.said = said
                return
            if ended or time.monotonic() > deadline:
                raise Failed(f"{block}: {'psql stopped' if ended else 'no end after 60 s'}:\n{said}")
            time.sleep(0.005)

    def check_output(self, block):
        plain = lambda text: [" ".join(line.split()) for line in text.splitlines()]
        printed = plain(self.said)
        for line in plain(block.body):
            # How wide a column is depends on other rows.
            if not re.fullmatch(r"[-+]+", line) and line not in printed:
                raise Failed(f"{block}: the line {line!r} was not printed:\n{self.said}")

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def run_program(block, directory, environment):
    """A block that is a whole program and ends by itself."""
    command = programs.command(block.language, directory, f"block_{block.line}", block.body)
    try:
        done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired as late:
        raise Failed(f"{block}: {late}") from None
    if done.returncode:
        raise Failed(f"{block}: exit status {done.returncode}:\n{done.stdout}{done.stderr}")


def roles():
    return set(psql("-c", "SELECT quote_ident(rolname) FROM pg_roles").splitlines())


def run_file(file, blocks, counts):
    database, before = "docs", roles()
    psql("-c", f"DROP DATABASE IF EXISTS {database} WITH (FORCE)", "-c", f"CREATE DATABASE {database} TEMPLATE template0 ENCODING 'UTF8'")
    if file in BEFORE:
        psql("-c", BEFORE[file], database=database)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="pgrealtime-docs-"))
    # Node.js looks for packages beside the program.
    os.symlink(HERE / "node_modules", directory / "node_modules")
    environment = os.environ | {"PGDATABASE": database, "PYTHONUNBUFFERED": "1", "NODE_NO_WARNINGS": "1"}
    session = Session(database)
    try:
        for block in blocks:
            if block.is_output:
                session.check_output(block)
            elif block.language == "sql":
                session.run(block)
            elif block.program is None:
                run_program(block, directory, environment)
            else:
                scenario = programs.SCENARIOS.get(block.program)
                if scenario is None:
                    raise Failed(f"{block}: programs.py has no function for it")
                try:
                    scenario(programs.Program(block, directory, environment))
                except AssertionError as error:
                    raise Failed(f"{block}: {error}")
                counts[f"programs ({block.language})"] += 1
            counts["output" if block.is_output else block.language] += 1
    finally:
        session.end()
        shutil.rmtree(directory)
        psql("-c", f"DROP DATABASE {database} WITH (FORCE)")
        for role in roles() - before:
            psql("-c", f"DROP OWNED BY {role}", "-c", f"DROP ROLE {role}")


def main():
    wanted = os.environ.get("PGREALTIME_PART", "")
    files = ["README.md"] + sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))
    counts, failed, seen = Counter(), 0, set()
    for file in [*files, "CONTRIBUTING.md", "tests/README.md", "benches/README.md", "gateway/tests/README.md"]:
        try:
            check_links(file)
        except Failed as error:
            failed += 1
            print(f"not ok  {error}", flush=True)
    for file in files:
        began = time.monotonic()
        try:
            blocks = blocks_of(file)
            seen |= {block.program for block in blocks if block.program}
            for block in blocks:
                if block.language not in LANGUAGES | NOT_RUN | SKIPPED.get(file, {}).keys():
                    raise Failed(f"{block}: what is run are {', '.join(sorted(LANGUAGES))}; mark other blocks as text")
            blocks = [block for block in blocks if block.language not in NOT_RUN or block.is_output]
            skipped = Counter(block.language for block in blocks if block.language in SKIPPED.get(file, {}))
            for language, number in skipped.items():
                print(f"skip    {file}: {number} {language}: {SKIPPED[file][language]}")
            blocks = [block for block in blocks if block.language not in skipped]
            if wanted not in file:
                continue
            run_file(file, blocks, counts)
            print(f"ok      {file}: {len(blocks)} blocks, {time.monotonic() - began:.1f} s", flush=True)
        except Failed as error:
            failed += 1
            print(f"not ok  {error}", flush=True)
    for program in sorted(programs.SCENARIOS.keys() - seen):
        failed += 1
        print(f"not ok  no document has the program {program}")
    print(", ".join(f"{number} {what}" for what, number in sorted(counts.items())))
    return 1 if failed or not counts else 0


sys.exit(main())
