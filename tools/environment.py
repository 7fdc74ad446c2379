#!/usr/bin/env python3
"""Make the project's virtual environment from requirements.lock (what `make env` runs).

The environment is built from nothing and stamped last, so that a folder with a matching stamp is complete and
an interrupted set-up is redone. It lies in `.venv` beside the Makefile; ERCLAB_VENV names another folder.

Standard library only. The syntax stays readable for an old Python (no f-strings, no annotations), because
such a Python must get as far as saying that it is too old.
"""

import contextlib
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
EXTRAS = "notebooks,text,parquet,ray,dev"
MINIMUM_PYTHON = (3, 11)
STAMP_NAME = ".erclab-stamp"
# Measured on Linux with torch's CPU build, rounded down so that nobody is refused in vain.
SIZE_GB = 2.2
LOG = os.path.join("build", "environment.log")

NETWORK_SIGNS = re.compile(
    r"name resolution|Name or service not known|Network is unreachable|NewConnectionError|ConnectTimeout"
    r"|ReadTimeout|ProxyError|SSLError|Connection (refused|reset|broken|aborted)|\(from versions: none\)"
)


class SetupError(Exception):
    """A failure that the user can act on; its text is the one line to show."""


def say(text):
    """Print one line at once: progress must not sit in a buffer while pip works."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def check_python(version_info):
    """Refuse a Python older than the project supports."""
    if tuple(version_info[:2]) < MINIMUM_PYTHON:
        raise SetupError(
            "erclab needs Python %d.%d or newer, and this is %d.%d: name another one, as in"
            " 'make env PYTHON=python3.11'" % (MINIMUM_PYTHON + tuple(version_info[:2]))
        )


def check_machine(venv_dir):
    """Refuse early what would fail late: no venv module, no room, a folder that is something else."""
    try:
        import ensurepip  # noqa: F401  (Debian splits both out of its Python package)
        import fcntl  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        if "fcntl" in str(error):
            raise SetupError("this set-up needs Linux, macOS or WSL; on Windows use environment.yml")
        raise SetupError(
            "this Python cannot make virtual environments; on Debian or Ubuntu: apt install python%d.%d-venv"
            % sys.version_info[:2]
        )
    if os.path.isdir(venv_dir) and os.listdir(venv_dir) and not is_venv(venv_dir):
        raise SetupError(
            "%s is not a virtual environment, so it is left alone: move it, or set ERCLAB_VENV" % venv_dir
        )


def check_room(venv_dir):
    """Refuse to start where the packages cannot fit."""
    free_gb = shutil.disk_usage(os.path.dirname(venv_dir)).free / 1e9
    if free_gb < SIZE_GB:
        raise SetupError(
            "the disk of %s is too full: %.1f GB are free and about %.1f GB are needed; make room,"
            " or set ERCLAB_VENV to a folder elsewhere" % (venv_dir, free_gb, SIZE_GB)
        )


def is_venv(folder):
    """Whether the folder is a virtual environment, and so may be thrown away."""
    return os.path.exists(os.path.join(folder, "pyvenv.cfg"))


def wanted_stamp(root, version_info):
    """Digest of all that the environment depends on.

    The checkout's path is part of it: the scripts inside an environment hold absolute paths, so a moved
    checkout needs a new one.
    """
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "requirements.lock"):
        with open(os.path.join(root, name), "rb") as stream:
            digest.update(hashlib.sha256(stream.read()).digest())
    digest.update(repr((tuple(version_info[:3]), os.path.realpath(root))).encode("utf-8"))
    return digest.hexdigest()


def is_current(venv_dir, stamp):
    """Whether the environment is complete and of this lock file."""
    try:
        with open(os.path.join(venv_dir, STAMP_NAME), encoding="utf-8") as stream:
            return stream.readline().strip() == stamp and os.path.exists(python_of(venv_dir))
    except OSError:
        return False


def write_stamp(venv_dir, stamp, root=None):
    """Mark the environment as complete and as that of a checkout, atomically."""
    path = os.path.join(venv_dir, STAMP_NAME)
    with open(path + ".new", "w", encoding="utf-8") as stream:
        stream.write(stamp + "\n" + os.path.realpath(root or ROOT) + "\n")
    os.replace(path + ".new", path)


def check_owner(venv_dir, root):
    """Refuse to replace the environment of another checkout that is still there."""
    try:
        with open(os.path.join(venv_dir, STAMP_NAME), encoding="utf-8") as stream:
            owner = "".join(stream.read().splitlines()[1:2])
    except OSError:
        return
    if owner not in ("", os.path.realpath(root)) and os.path.exists(os.path.join(owner, "tools", "environment.py")):
        raise SetupError(
            "%s is the environment of the checkout %s, so it is left alone: set ERCLAB_VENV to another folder"
            % (venv_dir, owner)
        )


def remove_venv(venv_dir):
    """Throw the environment away, stamp first: what a killed removal leaves must not look complete."""
    if os.path.exists(os.path.join(venv_dir, STAMP_NAME)):
        os.remove(os.path.join(venv_dir, STAMP_NAME))
    if is_venv(venv_dir):
        shutil.rmtree(venv_dir)


def python_of(venv_dir):
    """The environment's interpreter."""
    return os.path.join(venv_dir, "bin", "python")


def locked_versions(root):
    """The lock file as {normalised name: version}."""
    versions = {}
    with open(os.path.join(root, "requirements.lock"), encoding="utf-8") as stream:
        for line in stream:
            name, separator, version = line.partition("#")[0].strip().partition("==")
            if separator:
                versions[normalise(name)] = version
    return versions


def normalise(name):
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@contextlib.contextmanager
def exclusive(root):
    """Let one set-up per checkout run at a time; yields the descriptor that holds the lock.

    pip inherits the descriptor: if this process is killed, the lock lasts until its pip has ended too.
    """
    import fcntl

    with open(os.path.join(root, ".environment.lock"), "w", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("environment: another set-up of this checkout is running; waiting for it to end")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield stream.fileno()


class Progress:
    """Shows how far pip is: one line rewritten on a terminal, a few plain lines elsewhere."""

    def __init__(self, venv_dir):
        self.site_packages = os.path.join(venv_dir, "lib", "python*", "site-packages", "*.dist-info")
        self.is_terminal = sys.stderr.isatty()
        self.start = time.time()
        self.interval = 0.5 if self.is_terminal else 15.0
        self.next_report = self.start + self.interval
        self.collected = 0
        self.to_install = 0
        self.before = 0  # pip and the build tool are there before the packages of the lock

    def read(self, line):
        """Take note of one line of pip's output."""
        if re.match(r"(Collecting|Processing) ", line):
            self.collected += 1
        elif line.startswith("Installing collected packages:"):
            self.to_install = line.count(",") + 1
            self.before = self.count()

    def count(self):
        """How many packages the environment has."""
        return len(glob.glob(self.site_packages))

    def report(self):
        """Show the state if it is time to."""
        now = time.time()
        if now < self.next_report:
            return
        if not self.is_terminal:
            self.interval *= 2  # a slow network must not fill a log with lines
        self.next_report = now + self.interval
        if self.to_install:
            state = "installed %d of %d packages" % (self.count() - self.before, self.to_install)
        else:
            state = "found %d packages" % self.collected
        text = "      %s, %d s" % (state, now - self.start)
        if self.is_terminal:
            sys.stderr.write("\r\033[K" + text)
            sys.stderr.flush()
        else:
            say(text)

    def end(self):
        """Leave the line free for what comes next."""
        if self.is_terminal:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


def run_logged(command, root, lock_descriptor, progress=None):
    """Run a command with its output in the log; a SetupError says in one line why it failed."""
    import select

    environment = dict(os.environ, PIP_USER="0", PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1")
    environment.pop("PYTHONHOME", None)
    environment.pop("PYTHONPATH", None)  # or pip takes packages from elsewhere as installed
    log_path = os.path.join(root, LOG)
    with open(log_path, "ab") as log:
        log.write(("$ " + " ".join(command) + "\n").encode("utf-8"))
        log.flush()
        start_of_output = log.tell()
        process = subprocess.Popen(
            command,
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(lock_descriptor,),
        )
        try:
            rest = b""
            while True:
                # Each wait is short: pip is silent while it unpacks, and the reader should see it go on.
                if select.select([process.stdout], [], [], 0.5)[0]:
                    block = os.read(process.stdout.fileno(), 65536)
                    if not block:
                        break
                    log.write(block)
                    lines = (rest + block).split(b"\n")
                    rest = lines.pop()
                    for line in lines if progress else ():
                        progress.read(line.decode("utf-8", "replace"))
                if progress:
                    progress.report()
            code = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
        finally:
            process.stdout.close()
            if progress:
                progress.end()
    if code:
        with open(log_path, "rb") as log:
            log.seek(start_of_output)
            raise SetupError(explain(log.read().decode("utf-8", "replace"), code) + "; the log is " + LOG)


def explain(output, code):
    """One line on why pip or venv failed, and what to do."""
    if "No space left on device" in output or "Disk quota exceeded" in output:
        return "the disk is full: make room, or set ERCLAB_VENV to a folder elsewhere, and run it again"
    if NETWORK_SIGNS.search(output):
        return "packages could not be downloaded: check the network (or pip's settings), and run it again"
    errors = [line.strip() for line in output.splitlines() if line.lower().startswith("error")]
    return "a command failed (exit code %d)%s" % (code, ": " + errors[-1] if errors else "")


def check_versions(venv_dir, root):
    """Hold what is installed against the lock; returns (checked names, names that the lock lacks)."""
    listing = (
        "import importlib.metadata as m, json;"
        "print(json.dumps([[d.metadata['Name'], d.version] for d in m.distributions()]))"
    )
    # -I: what the user has on PYTHONPATH or in the user site is not part of this environment.
    output = subprocess.check_output([python_of(venv_dir), "-I", "-c", listing])
    installed = json.loads(output.decode("utf-8"))
    locked = locked_versions(root)
    wrong, checked, others = [], [], []
    for name, version in sorted((normalise(name), version) for name, version in installed):
        if name not in locked:
            others.append(name)
        elif version.partition("+")[0] == locked[name]:
            checked.append(name)
        else:
            wrong.append("%s is %s and not %s" % (name, version, locked[name]))
    if wrong:
        raise SetupError("the environment differs from requirements.lock: " + "; ".join(wrong))
    return checked, [name for name in others if name not in ("erclab", "pip")]


def build(venv_dir, root, lock_descriptor):
    """Make the environment from nothing."""
    start = time.time()
    pip = [python_of(venv_dir), "-m", "pip", "install", "--progress-bar", "off", "-c", "requirements.lock"]
    os.makedirs(os.path.join(root, os.path.dirname(LOG)), exist_ok=True)
    open(os.path.join(root, LOG), "w", encoding="utf-8").close()

    say("[1/4] Virtual environment in %s, Python %d.%d.%d" % ((venv_dir,) + tuple(sys.version_info[:3])))
    remove_venv(venv_dir)
    os.makedirs(os.path.dirname(venv_dir), exist_ok=True)
    check_room(venv_dir)
    # The base interpreter, because this one may be the very environment that was just removed.
    base_python = getattr(sys, "_base_executable", sys.executable)
    run_logged([base_python, "-m", "venv", venv_dir], root, lock_descriptor)

    say("[2/4] Build tool (setuptools)")
    run_logged(pip + ["setuptools"], root, lock_descriptor)

    say(
        "[3/4] Packages of requirements.lock: about %.1f GB on disk (several more where pip gives torch with"
        " CUDA), one to ten minutes" % SIZE_GB
    )
    say("      everything pip says goes to %s" % LOG)
    editable = ["--no-build-isolation", "-e", ".[%s]" % EXTRAS]
    run_logged(pip + editable, root, lock_descriptor, Progress(venv_dir))

    say("[4/4] Comparing versions with requirements.lock")
    checked, others = check_versions(venv_dir, root)
    if others:
        say("      not in the lock: %s" % ", ".join(others))
    say("      %d packages, each at its locked version; %d s in all" % (len(checked), time.time() - start))


def main():
    """Bring the environment up to date, or say in one line why that failed; returns the exit code."""
    try:
        check_python(sys.version_info)
        venv_dir = os.path.normpath(os.path.join(ROOT, os.environ.get("ERCLAB_VENV") or ".venv"))
        stamp = wanted_stamp(ROOT, sys.version_info)
        if is_current(venv_dir, stamp):
            return 0
        check_machine(venv_dir)
        check_owner(venv_dir, ROOT)
        with exclusive(ROOT) as lock_descriptor:
            # Another set-up may have done the work while this one waited.
            if not is_current(venv_dir, stamp):
                build(venv_dir, ROOT, lock_descriptor)
                write_stamp(venv_dir, stamp, ROOT)
        return 0
    except SetupError as error:
        say("environment: %s" % error)
    except KeyboardInterrupt:
        say("environment: stopped before it was complete; run it again to start over")
    except OSError as error:
        say("environment: %s" % error)
    return 1


if __name__ == "__main__":
    sys.exit(main())
