# SPDX-License-Identifier: ISC
"""docs/導入手順.ja.md, run from top to bottom on two machines.

A machine is a network namespace and a root file system of its own (an
overlay over this one), joined by one virtual cable.  There is no init in it:
`systemctl` is a function that starts what the installed unit says.
"""
import argparse
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
DOC = TOP / "docs" / "導入手順.ja.md"
BLOCK = re.compile(r"<!-- (run|carry): ([^>]*?) -->\n(?:```sh\n(.*?)```\n)?",
                   re.S)
ADDRESS = {"internet": "10.99.0.1", "lgwan": "10.99.0.2"}

# systemctl of a machine without init: the unit's own ExecStart.
SYSTEMCTL = r"""
systemctl() {
	[ "$1 $2" = "start gatewayd" ] || return 1
	set -- $(sed -n 's/^ExecStart=//p' /usr/lib/systemd/system/gatewayd.service)
	setsid "$@" >>/root/gatewayd.log 2>&1 </dev/null &
	for i in $(seq 300); do
		gatewayctl status >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	return 1
}
"""


class Skip(Exception):
    pass


def sh(*argv, **kwargs):
    return subprocess.run(argv, check=True, **kwargs)


class Machine:
    """One root file system and network of its own."""

    def __init__(self, name, base):
        self.name = name
        self.net = f"gwtest-{name}-{os.getpid()}"
        self.root = base / name / "root"
        self.root.mkdir(parents=True)
        sh("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs",
           str(base / name))
        for part in ("root", "upper", "work"):
            (base / name / part).mkdir()
        sh("mount", "-t", "overlay", "overlay", "-o",
           f"lowerdir=/,upperdir={base / name}/upper,"
           f"workdir={base / name}/work", str(self.root))
        for part in ("proc", "dev", "sys"):
            sh("mount", "--rbind", f"/{part}", str(self.root / part))
            sh("mount", "--make-rslave", str(self.root / part))
        sh("ip", "netns", "add", self.net)

    def argv(self, script):
        return ["ip", "netns", "exec", self.net, "chroot", str(self.root),
                "/bin/bash", "-c", SYSTEMCTL + "cd /root\nexport "
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=ja_JP.UTF-8 "
                "HOME=/root\nset -e\n" + script]

    def run(self, script, check=True):
        done = subprocess.run(self.argv(script), capture_output=True,
                              text=True, check=False, stdin=subprocess.DEVNULL)
        if check and done.returncode != 0:
            raise AssertionError(
                f"{self.name}: {script}\n-> {done.returncode}\n"
                f"{done.stdout}{done.stderr}\n{self.log()}")
        return done

    def log(self):
        path = self.root / "root" / "gatewayd.log"
        return path.read_text(errors="replace")[-3000:] if path.exists() \
            else ""

    def type(self, script, answers, timeout=60):
        """Run on a terminal and type each answer when it is asked for."""
        pid, fd = pty.fork()
        if pid == 0:
            argv = self.argv(script)
            os.execvp(argv[0], argv)
        out, answers = b"", list(answers)
        seen, deadline = 0, time.monotonic() + timeout
        while time.monotonic() < deadline:
            if not select.select([fd], [], [], 0.5)[0]:
                # quiet, and a prompt stands at the end of a line
                if answers and out[seen:].rstrip(b" ").endswith(b":"):
                    seen = len(out)
                    os.write(fd, answers.pop(0).encode() + b"\n")
                continue
            try:
                piece = os.read(fd, 4096)
            except OSError:
                break
            if not piece:
                break
            out += piece
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        text = out.decode("utf-8", "replace")
        if status != 0:
            raise AssertionError(f"{self.name}: {script}\n-> {status}\n"
                                 f"{text}\n{self.log()}")
        return text

    def close(self):
        pids = subprocess.run(["ip", "netns", "pids", self.net],
                              capture_output=True, text=True, check=False)
        for pid in pids.stdout.split():
            subprocess.run(["kill", "-9", pid], check=False)
        subprocess.run(["ip", "netns", "del", self.net], check=False)
        subprocess.run(["umount", "-R", "-l", str(self.root)], check=False)
        subprocess.run(["umount", "-l", str(self.root.parent)], check=False)


def cable(one, two):
    """One virtual cable between the two machines."""
    sh("ip", "link", "add", "gwt0", "netns", one.net, "type", "veth",
       "peer", "name", "gwt0", "netns", two.net)
    for machine in (one, two):
        for line in (f"addr add {ADDRESS[machine.name]}/24 dev gwt0",
                     "link set gwt0 up", "link set lo up"):
            sh("ip", "-n", machine.net, *line.split())


def digits_of(machine):
    text = machine.run("gatewayctl --json pair show").stdout
    return re.search(r'"digits": ?"([0-9 ]+)"', text).group(1)


def until_it_works(machine, script, timeout=60):
    deadline = time.monotonic() + timeout
    while machine.run(script, check=False).returncode != 0:
        if time.monotonic() > deadline:
            machine.run(script)
        time.sleep(0.2)


def run_block(where, script, machines, notes):
    who, *how = [part.strip() for part in where.split(",")]
    if who == "build":
        sh("bash", "-ec", script, cwd=TOP, stdout=subprocess.DEVNULL)
        for machine in machines.values():
            shutil.copy(TOP / "build" / "sekisho.tar",
                        machine.root / "root" / "sekisho.tar")
        return
    for name in machines if who == "both" else (who,):
        machine = machines[name]
        answers = []
        for word in how:
            if word.startswith("type the digits of "):
                answers.append(digits_of(machines[word.split()[-1]]))
            elif word == "type the secret":
                answers.append(notes["secret"])
        if "until it works" in how:
            until_it_works(machine, script)
        elif answers:
            text = machine.type(script, answers)
            if "keep the secret" in how:
                notes["secret"] = re.search(r"\b[0-9a-f]{64}\b",
                                            text).group(0)
        else:
            machine.run(script)


def carry(where, machines):
    (source, path), (target, to) = [part.split(":") for part in where.split()]
    shutil.copy(machines[source].root / path[1:],
                machines[target].root / to[1:])


def prepare(machines):
    """What the page expects to be there: signatures, the expected file."""
    for machine in machines.values():
        folder = machine.root / "var" / "lib" / "clamav"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "test.hdb").write_text(
            "44d88612fea8a8f36de82e1278abb02f:68:Eicar-Test-Signature\n")
        # the programs that this machine may already have
        shutil.rmtree(machine.root / "etc" / "gateway", ignore_errors=True)
    (machines["lgwan"].root / "root" / "期待.csv").write_bytes(
        "番号,氏名\r\n1,山田\r\n".encode())


def run_page():
    blocks = BLOCK.findall(DOC.read_text(encoding="utf-8"))
    if len(blocks) < 10:
        raise AssertionError(f"only {len(blocks)} commands found in {DOC}")
    base = pathlib.Path(tempfile.mkdtemp(prefix="sekisho-install-"))
    machines, notes = {}, {}
    try:
        for name in ADDRESS:
            machines[name] = Machine(name, base)
        cable(machines["internet"], machines["lgwan"])
        prepare(machines)
        for kind, where, script in blocks:
            if kind == "carry":
                carry(where, machines)
            else:
                run_block(where, script, machines, notes)
            print(f"ok {kind} {where}")
    finally:
        for machine in machines.values():
            machine.close()
        shutil.rmtree(base, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.parse_args()
    if os.geteuid() != 0:
        raise Skip("needs root for network namespaces")
    for tool in ("ip", "systemd-sysusers", "systemd-tmpfiles"):
        if shutil.which(tool) is None:
            raise Skip(f"{tool} is not here")
    if subprocess.run(["ip", "netns", "list"], capture_output=True,
                      check=False).returncode != 0:
        raise Skip("network namespaces are not permitted here")
    run_page()


if __name__ == "__main__":
    try:
        main()
    except Skip as reason:
        print(reason)
        sys.exit(77)
    except AssertionError as error:
        print(f"FAILED {error}")
        sys.exit(1)
