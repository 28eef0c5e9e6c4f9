"""The function of crew-shim, which tells what it does."""
import asyncio
import importlib.util
import json
import os
import subprocess
import sys
import threading
import traceback

from jobq import Failed, line

OUTPUT_MOST = 1 << 20  # bytes of its JSON text, as jobq-run has it
HOLD_SECONDS = 2  # for those who hold a finished program's output
# Crews may go to another folder, and change their environment.
PLUGINS = os.path.abspath(os.environ.get("PLUGIN_DIR") or "../plugins")

# One loop for all: what a crew keeps between calls may be bound to it.
loop = asyncio.new_event_loop()
modules = {}  # by file: what the file was like, and the module


def not_found(name):
    return Failed("Plugin crew not found: %s" % name, retry=False)


def folder_of(name):
    """Its crew, or None: a name is that of one folder in PLUGIN_DIR."""
    if not isinstance(name, str) or name in ("", ".", "..") \
            or "/" in name or "\0" in name:
        return None
    return os.path.join(PLUGINS, name, "crew")


def load(name, path):
    info = os.stat(path)
    version = (info.st_ino, info.st_size, info.st_mtime_ns)
    known = modules.get(path)
    if known is not None and known[0] == version:
        return known[1]
    spec = importlib.util.spec_from_file_location("%s_crew" % name, path)
    # A cache of bytecode would not see a second change within a second.
    code = spec.loader.source_to_code(spec.loader.get_data(path), path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    exec(code, module.__dict__)
    if not callable(getattr(module, "create_crew", None)):
        raise ImportError("'%s' has no function create_crew" % path)
    modules[path] = (version, module)
    return module


async def kick_off(module, settings):
    crew = module.create_crew(settings)
    result = await crew.kickoff_async(inputs=settings)
    return result.raw if hasattr(result, "raw") else str(result)


def end_tasks():
    """What a crew has left running is not to wake up in the next one."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=1))


def run_crew(name, path, settings):
    try:
        module = load(name, path)
    except (Exception, SystemExit):
        traceback.print_exc()
        raise not_found(name) from None
    try:
        output = loop.run_until_complete(kick_off(module, settings))
    except (Exception, SystemExit, asyncio.CancelledError) as error:
        traceback.print_exc()
        text = str(error) or type(error).__name__
        raise Failed(text, retry=False) from None
    finally:
        end_tasks()
    return output if output is None else str(output)


def input_text():
    """The input as it stands in the job's line: no number is changed."""
    text, decoder = line(), json.JSONDecoder()

    def skip(at):
        while text[at] in " \t\n\r":
            at += 1
        return at

    at = skip(text.index("{") + 1)
    while True:
        key, at = decoder.raw_decode(text, at)
        start = skip(skip(at) + 1)
        _, at = decoder.raw_decode(text, start)
        if key == "input":
            return text[start:at]
        at = skip(skip(at) + 1)


class Program:
    """An executable that reads the request and writes the result."""

    def __init__(self, path):
        self.output = b""
        self.last_line = ""
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([path], stdin=pipe, stdout=pipe,
                                        stderr=pipe)
        self.readers = [threading.Thread(target=read, daemon=True)
                        for read in (self.read_output, self.read_errors)]
        writer = threading.Thread(target=self.write, daemon=True,
                                  args=(input_text().encode(),))
        for thread in self.readers + [writer]:
            thread.start()

    def write(self, request):
        try:
            with self.process.stdin as stdin:
                stdin.write(request + b"\n")
        except BrokenPipeError:
            pass  # it need not read what it does not want

    def read_output(self):
        for part in iter(lambda: self.process.stdout.read1(1 << 16), b""):
            if len(self.output) <= OUTPUT_MOST + 1:
                self.output += part

    def read_errors(self):
        for text in iter(lambda: self.process.stderr.readline(1 << 16), b""):
            text = text.decode("utf-8", "replace")
            sys.stderr.write(text)
            self.last_line = text.strip() or self.last_line

    def wait(self):
        status = self.process.wait()
        for thread in self.readers:
            thread.join(HOLD_SECONDS)
        return status


def run_program(path):
    try:
        program = Program(path)
    except OSError as error:
        raise Failed(str(error), retry=False) from None
    status = program.wait()
    if status != 0:
        text = "exit status %d" % status if status > 0 \
            else "killed by signal %d" % -status
        if program.last_line:
            text += ": " + program.last_line
        raise Failed(text, retry=False)
    text = program.output.decode("utf-8", "replace")
    return text[:-1] if text.endswith("\n") else text


def run(job):
    request = job.get("input")
    if not isinstance(request, dict):
        raise Failed("the input is no request: it must be an object",
                     retry=False)
    name = request.get("plugin_name")
    folder = folder_of(name)
    if folder is None:
        raise not_found(name)
    crew = os.path.join(folder, "crew.py")
    program = os.path.join(folder, "run")
    if os.path.isfile(crew):
        output = run_crew(name, crew, request.get("settings", {}))
    elif os.path.isfile(program) and os.access(program, os.X_OK):
        output = run_program(program)
    else:
        raise not_found(name)
    if output is not None and len(json.dumps(output)) > OUTPUT_MOST:
        raise Failed("the result is larger than 1 MiB", retry=False)
    return output
