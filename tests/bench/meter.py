# SPDX-License-Identifier: ISC
"""What processes cost: processor time, memory, and when a file is there."""
import ctypes
import os
import pathlib
import select
import struct
import threading
import time

TICK = os.sysconf("SC_CLK_TCK")


# -- processes ----------------------------------------------------------------


class Group:
    """The processes of one daemon: a control group, or its process tree."""

    def __init__(self, name):
        self.root = None
        self.path = self._make(name)
        self.home = None

    def _make(self, name):
        """A group of cgroup v2, which also counts processes that ended."""
        root = unified_root()
        if root is None:
            return None
        path = root / f"sekisho-bench-{os.getpid()}-{name}"
        try:
            path.mkdir()
            if not (path / "cpu.stat").exists():
                path.rmdir()
                return None
        except OSError:
            return None
        return path

    @property
    def method(self):
        return ("cgroup v2 cpu.stat" if self.path
                else "utime+stime+cutime+cstime of the process tree")

    def __enter__(self):
        """What is started inside belongs to the group."""
        if self.path:
            self.home = own_group()
            (self.path / "cgroup.procs").write_text(str(os.getpid()))
        return self

    def __exit__(self, *_):
        if self.path:
            (unified_root() / self.home.lstrip("/")
             / "cgroup.procs").write_text(str(os.getpid()))

    def pids(self):
        if self.path:
            try:
                return [int(pid) for pid in
                        (self.path / "cgroup.procs").read_text().split()]
            except OSError:
                return []
        return tree(self.root) if self.root else []

    def cpu(self):
        """Seconds of processor time so far, of those that ended too."""
        if self.path:
            for line in (self.path / "cpu.stat").read_text().splitlines():
                name, value = line.split()
                if name == "usage_usec":
                    return int(value) / 1e6
        return sum(stat_cpu(pid) for pid in self.pids())

    def memory(self):
        """name -> PSS in MiB; raises OSError where it may not be read."""
        found = {}
        for pid in self.pids():
            try:
                name = comm(pid)
                found[name] = found.get(name, 0) + pss(pid)
            except (ProcessLookupError, FileNotFoundError):
                continue        # it ended meanwhile
        return found

    def close(self):
        """Whoever is left in it is ended."""
        if self.path is None:
            return
        wait_gone(self.pids, 2)
        if self.pids():
            try:
                (self.path / "cgroup.kill").write_text("1")
            except OSError:
                pass
            wait_gone(self.pids, 10)
        for _ in range(20):     # busy for a moment after the last one ended
            try:
                self.path.rmdir()
                break
            except OSError:
                time.sleep(0.05)
        self.path = None


def wait_gone(pids, seconds):
    deadline = time.monotonic() + seconds
    while pids() and time.monotonic() < deadline:
        time.sleep(0.05)


def unified_root():
    """Where cgroup v2 is mounted, if we may make groups there."""
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        for line in mounts:
            _, point, kind = line.split()[:3]
            if kind == "cgroup2" and os.access(point, os.W_OK):
                return pathlib.Path(point)
    return None


def own_group():
    with open("/proc/self/cgroup", encoding="utf-8") as groups:
        for line in groups:
            if line.startswith("0::"):
                return line[3:].strip()
    return "/"


def stat_fields(pid):
    """Fields of /proc/PID/stat behind the name, the first is the state."""
    text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="latin-1")
    return text[text.rindex(")") + 2:].split()


def tree(root):
    """root and all below it."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parent = int(stat_fields(entry)[1])
            except (OSError, ValueError):
                continue
            children.setdefault(parent, []).append(int(entry))
    found, left = [], [root]
    while left:
        pid = left.pop()
        found.append(pid)
        left += children.get(pid, [])
    return found


def stat_cpu(pid):
    """Its own time and that of children it has waited for."""
    try:
        fields = stat_fields(pid)
    except OSError:
        return 0.0
    return sum(int(fields[i]) for i in (11, 12, 13, 14)) / TICK


def comm(pid):
    return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()


def pss(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


class MemoryWatch:
    """Looks at groups several times a second and keeps the largest sum."""

    def __init__(self, groups, interval=0.2):
        self.groups = groups
        self.interval = interval
        self.peaks = {name: ({}, 0.0) for name in groups}
        self.samples = 0
        self.error = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self._stop.wait(self.interval):
            try:
                self._look()
            except OSError as error:
                self.error = error
                return

    def _look(self):
        for name, group in self.groups.items():
            found = group.memory()
            total = sum(found.values())
            if total > self.peaks[name][1]:
                self.peaks[name] = (found, total)
        self.samples += 1

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


# -- files --------------------------------------------------------------------

IN_MOVED_TO, IN_CREATE, IN_Q_OVERFLOW = 0x80, 0x100, 0x4000
EVENT = struct.Struct("iIII")
LIBC = ctypes.CDLL(None, use_errno=True)


class Mailbox:
    """Tells by inotify when names appear in a folder."""

    def __init__(self, path):
        self.path = os.fspath(path)
        self.fd = LIBC.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        watch = LIBC.inotify_add_watch(self.fd, os.fsencode(self.path),
                                       IN_MOVED_TO | IN_CREATE)
        if self.fd < 0 or watch < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), self.path)
        self.poll = select.poll()
        self.poll.register(self.fd, select.POLLIN)

    def wait(self, names, timeout, on_wait=None):
        """
        Wait until all names are there; returns when the last one came.
        on_wait is called now and then while nothing comes.
        """
        left = set(names)
        deadline = time.monotonic() + timeout
        while left:
            if not self.poll.poll(1000):
                left -= set(os.listdir(self.path))
                if on_wait and left:
                    on_wait()
                if time.monotonic() > deadline and left:
                    raise TimeoutError(
                        f"{len(left)} of {len(set(names))} are not in "
                        f"{self.path} after {timeout:.0f} s")
                continue
            left -= self._read()
        return time.monotonic()

    def _read(self):
        found = set()
        data = os.read(self.fd, 1 << 16)
        while data:
            _, mask, _, length = EVENT.unpack_from(data)
            name = data[EVENT.size:EVENT.size + length].rstrip(b"\0")
            data = data[EVENT.size + length:]
            if mask & IN_Q_OVERFLOW:
                found |= set(os.listdir(self.path))
            elif name:
                found.add(os.fsdecode(name))
        return found

    def close(self):
        os.close(self.fd)
