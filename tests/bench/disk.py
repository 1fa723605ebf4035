# SPDX-License-Identifier: ISC
"""A journaled file system of its own, on a loop device, where root allows.

What lies below / is often ext4 without a journal, on which creating many
files costs many times the usual: no place to measure on.
"""
import os
import pathlib
import shutil
import subprocess

GIB = 1 << 30
SPARE = 6 * GIB         # left free for everybody else


class DiskError(Exception):
    """No such file system here; the text says why."""


def run(*argv):
    """Run a system tool; its words become the error."""
    done = subprocess.run(argv, capture_output=True, check=False)
    if done.returncode != 0:
        raise DiskError(f"{argv[0]}: "
                        + done.stderr.decode("utf-8", "replace").strip())
    return done.stdout.decode().strip()


class Disk:
    """A place to measure on: mounted for us, or a folder as it is."""

    def __init__(self, base, name, size):
        self.image = base / f"{name}.img"
        self.path = base / name
        self.size = size
        self.loop = None
        self.facts = {}

    def open(self, write_once=False):
        """Mount it; falls back to a folder and says so in the facts."""
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            self._mount(write_once)
            self.facts = {
                "kind": "ext4 with journal of its own on a loop device",
                "direct_io": self._is_direct(), "is_own": True,
                "size_gib": round(self.size / GIB, 1),
                "written_once": write_once}
        except (DiskError, OSError) as error:
            self._undo()
            self.facts = {"kind": mounted_as(self.path), "is_own": False,
                          "why_not_own": str(error)}
        self.facts["path"] = str(self.path)
        self.path.chmod(0o755)
        return self

    def _mount(self, write_once):
        if os.geteuid() != 0:
            raise DiskError("only root may mount a loop device")
        free = shutil.disk_usage(self.image.parent).free
        if free < self.size + SPARE:
            raise DiskError(f"{free >> 30} GiB are free, {self.size >> 30} "
                            "and some to spare are needed")
        run("fallocate", "-l", str(self.size), str(self.image))
        try:
            self.loop = run("losetup", "--find", "--show", "--direct-io=on",
                            str(self.image))
        except DiskError:
            self.loop = run("losetup", "--find", "--show", str(self.image))
        if write_once:
            # The first write of a block may cost six times the second.
            run("dd", "if=/dev/zero", f"of={self.loop}", "bs=4M",
                "oflag=direct", f"count={self.size >> 22}", "status=none")
        run("mkfs.ext4", "-q", "-F", "-E",
            "lazy_itable_init=0,lazy_journal_init=0,nodiscard", self.loop)
        run("mount", "-o", "noatime", self.loop, str(self.path))

    def _is_direct(self):
        path = pathlib.Path("/sys/block") / os.path.basename(self.loop)
        try:
            return (path / "loop" / "dio").read_text().strip() == "1"
        except OSError:
            return False

    def _undo(self):
        if os.path.ismount(self.path):
            run("umount", str(self.path))
        if self.loop:
            run("losetup", "-d", self.loop)
        self.loop = None
        self.image.unlink(missing_ok=True)

    def close(self):
        """Unmount and remove; a plain folder is emptied."""
        if not self.facts.get("is_own"):
            shutil.rmtree(self.path, ignore_errors=True)
            return
        self._undo()
        self.path.rmdir()

    def free(self):
        return shutil.disk_usage(self.path).free

    def sync(self):
        """Nothing of former work is left to be written."""
        run("sync", "-f", str(self.path))


def clear_leftovers(base, names):
    """A run that was killed left its mounts: take them away."""
    for name in names:
        path, image = base / name, base / f"{name}.img"
        if os.path.ismount(path):
            run("umount", str(path))
        if image.exists() and os.geteuid() == 0:
            for line in run("losetup", "-j", str(image)).splitlines():
                run("losetup", "-d", line.split(":")[0])
            image.unlink()
        shutil.rmtree(path, ignore_errors=True)


def mounted_as(path):
    """Type and options of the file system that path lies on."""
    best = ("", "unknown")
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        for line in mounts:
            _, point, kind, options = line.split()[:4]
            inside = str(path).startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best[0]):
                best = (point, f"{kind} ({options})")
    return f"{best[1]} mounted at {best[0]}, shared with everything else"
