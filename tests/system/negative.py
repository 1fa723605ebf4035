# SPDX-License-Identifier: ISC
"""What people may not do is refused with the right exit status, changes
nothing, and is in the audit log.

Acting as other people needs root; an ordinary user is the only person there
is, and those cases count as skipped.
"""
import datetime
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]
                       / "support"))
from systest import (EXAMPLE, Site, Skip, eicar, equal,  # noqa: E402
                     free_port, run, wait_for)

APPROVER, OFFICER, OFFICER2, AUDITOR, ADMIN = 70001, 70002, 70003, 70004, 70005
STAFF, STRANGER = 70009, 79999
REFUSED, USAGE, UNREACHABLE, DENIED, DAMAGED = 1, 2, 3, 4, 5
FLOW = "text-data"
FORMULA = "=1+2,合計\r\n".encode()
UNKNOWN = "I20260401-00017-3"
IS_ROOT = os.geteuid() == 0


class People(Site):
    """Zones with operators, and flows that people decide about."""

    def __init__(self, bindir):
        super().__init__(bindir, {
            "approver: []": f"approver: [{APPROVER}]",
            "officer: []": f"officer: [{OFFICER}, {OFFICER2}]",
            "auditor: []": f"auditor: [{AUDITOR}]",
            "administrator: []": f"administrator: [{ADMIN}]",
        }, start=False)
        for zone in self.zones:
            for count, word in ((1, "one"), (2, "two")):
                self.add_flow(zone, word, steps=(
                    f"{{role: approver, count: {count}}}"
                    if zone is self.internet else ""))
        self.start()

    def add_flow(self, zone, flow, steps="", more=""):
        text = (EXAMPLE / zone.name / "flows" / f"{FLOW}.yaml").read_text(
            encoding="utf-8")
        for old, new in ((f"flow: {FLOW}", f"flow: {flow}"),
                         ("submitter: folder", "submitter: owner"),
                         ("steps: []", f"steps: [{steps}]")):
            text = text.replace(old, new)
        (zone.dir / "flows" / f"{flow}.yaml").write_text(text + more,
                                                         encoding="utf-8")

    def ask(self, uid, *args, zone=None):
        """Exit status of gatewayctl run by that person."""
        zone = zone or self.internet
        person = ["setpriv", "--reuid", str(uid), "--regid", str(uid),
                  "--clear-groups"] if uid is not None else []
        done = subprocess.run(
            [*person, str(zone.bin / "gatewayctl"), "--dir", str(zone.dir),
             "--lang", "en", *args], capture_output=True, check=False,
            stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            equal(done.stderr != b"", True, f"words to {args}")
        return done.returncode

    def denials(self, uid=None, zone=None):
        zone = zone or self.internet
        return [row for row in zone.rows("log", "search", "--event",
                                         "denied")
                if uid is None or row.get("uid") == uid]

    def refused(self, uid, code, *args, zone=None, audited=True):
        """One request is refused so, and there is one more entry of it."""
        before = len(self.denials(uid, zone))
        equal(self.ask(uid, *args, zone=zone), code,
              f"exit status of {' '.join(args)} by {uid}")
        equal(len(self.denials(uid, zone)) - before, int(audited),
              f"entries about {' '.join(args)} by {uid}")

    def submit(self, flow, name, content, uid, states):
        """A file of that person; its number once it is in such a state."""
        before = {row["number"] for row in self.internet.transfers()}
        folder = self.internet.folders / "in" / flow
        hidden = folder / f".{name}"
        hidden.write_bytes(content)
        os.chmod(hidden, 0o644)
        if uid is not None:
            os.chown(hidden, uid, uid)
        hidden.rename(folder / name)
        return self.wait(lambda row: row["number"] not in before, states,
                         name)["number"]

    def wait(self, is_it, states, what):
        return wait_for(lambda: [
            row for row in self.internet.transfers("--side", "low")
            if is_it(row) and row["state"] in states],
            f"{what} to be {states}", 60, self.zones)[0]

    def state(self, number):
        return [row["state"] for row in
                self.internet.transfers("--number", number)][0]


def people(function):
    """A case in which more than one person acts: as root alone."""
    if IS_ROOT:
        return function

    def skip(_site):
        raise Skip("acting as other people needs root")
    return skip


# -- roles -------------------------------------------------------------------

# Words of a request, and who may make it.  {n}: a receipt number.
ROLES = [
    ("reload", (ADMIN,)),
    ("doctor", (OFFICER, AUDITOR, ADMIN)),
    ("quarantine list", (OFFICER, AUDITOR, ADMIN)),
    ("quarantine show {n}", (OFFICER, AUDITOR, ADMIN)),
    ("key list", (OFFICER, AUDITOR, ADMIN)),
    ("pair show", (OFFICER, AUDITOR, ADMIN)),
    ("pair card", (OFFICER, AUDITOR, ADMIN)),
    ("pair init", (ADMIN,)),
    ("pair init --bench", (ADMIN,)),
    ("channel freeze internet-lgwan", (OFFICER, ADMIN)),
    ("channel new-epoch internet-lgwan", (OFFICER,)),
    ("transfers approve {n}", (APPROVER, OFFICER)),
    ("transfers return {n}", (APPROVER, OFFICER)),
    ("holds release {n}", (OFFICER,)),
    ("holds reject {n}", (APPROVER, OFFICER)),
    ("log search", (OFFICER, AUDITOR, ADMIN)),
    ("log export --jsonl", (OFFICER, AUDITOR)),
]
PEOPLE = (STAFF, STRANGER, APPROVER, OFFICER, AUDITOR, ADMIN)


@people
def test_wrong_roles(site):
    number = site.submit("one", "役割.txt", b"x\n", STAFF, ["waiting"])
    expected = {uid: 0 for uid in PEOPLE}
    before = {uid: len(site.denials(uid)) for uid in PEOPLE}
    for words, allowed in ROLES:
        for uid in PEOPLE:
            if uid in allowed:
                continue
            equal(site.ask(uid, *words.format(n=number).split()), DENIED,
                  f"exit status of {words} by {uid}")
            expected[uid] += 1
    equal(sum(expected.values()) > 60, True, "number of cases")
    for uid in PEOPLE:
        equal(len(site.denials(uid)) - before[uid], expected[uid],
              f"entries about {uid}")
    equal(site.state(number), "waiting", "state")
    equal([row["state"] for row in site.internet.rows("channel", "list")],
          ["open", "open"], "channels")


@people
def test_a_card_is_not_for_everybody_to_accept(site):
    card = site.base / "own.bin"
    card.write_bytes(site.lgwan.ctl("pair", "card", "--binary").stdout)
    os.chmod(card, 0o644)
    for uid in (STAFF, APPROVER, OFFICER, AUDITOR):
        site.refused(uid, DENIED, "pair", "accept", str(card), "--digits",
                     "1" * 30, "--new-secret")


@people
def test_unknown_person_sees_nothing(site):
    number = site.submit(FLOW, "他人.txt", b"x\n", STAFF, ["confirmed"])
    equal(site.ask(STRANGER, "status"), 0, "status")
    done = subprocess.run(
        ["setpriv", "--reuid", str(STRANGER), "--regid", str(STRANGER),
         "--clear-groups", str(site.internet.bin / "gatewayctl"), "--dir",
         str(site.internet.dir), "--json", "transfers", "list"],
        capture_output=True, check=False)
    equal((done.returncode, done.stdout), (0, b""), "transfers of others")
    equal(site.ask(STRANGER, "transfers", "show", number), REFUSED,
          "another's transfer")
    site.refused(STRANGER, DENIED, "log", "search")


# -- decisions ---------------------------------------------------------------


def test_self_approval(site):
    uid = APPROVER if IS_ROOT else None
    number = site.submit("one", "自分.txt", b"x\n", uid, ["waiting"])
    site.refused(uid, DENIED, "transfers", "approve", number)
    equal(site.state(number), "waiting", "state")


@people
def test_own_hold(site):
    number = site.submit(FLOW, "自分.csv", FORMULA, OFFICER, ["held"])
    site.refused(OFFICER, DENIED, "holds", "release", number)
    equal(site.state(number), "held", "state")


@people
def test_infected_is_never_released(site):
    number = site.submit(FLOW, "検体.txt", eicar(), STAFF, ["quarantined"])
    for uid in (OFFICER, OFFICER2):
        site.refused(uid, REFUSED, "holds", "release", number)
        site.refused(uid, REFUSED, "transfers", "approve", number)
    equal(site.state(number), "quarantined", "state")


@people
def test_denied_is_never_released(site):
    number = site.submit(FLOW, "手順.bat", b"del x\r\n", STAFF, ["rejected"])
    for uid in (OFFICER, OFFICER2):
        site.refused(uid, REFUSED, "holds", "release", number)
    equal(site.state(number), "rejected", "state")


@people
def test_not_scanned_takes_two_officers(site):
    number = site.submit(FLOW, "式.csv", FORMULA, STAFF, ["held"])
    equal(site.ask(OFFICER, "holds", "release", number), 0, "the first")
    site.refused(OFFICER, REFUSED, "holds", "release", number)
    equal(site.state(number), "held", "state after one officer twice")
    site.refused(APPROVER, DENIED, "holds", "release", number)
    equal(site.ask(OFFICER2, "holds", "release", number), 0, "the second")
    site.wait(lambda row: row["number"] == number, ["sent", "confirmed"],
              "式.csv")


@people
def test_two_approvals_are_two_people(site):
    number = site.submit("two", "二人.txt", b"x\n", STAFF, ["waiting"])
    equal(site.ask(APPROVER, "transfers", "approve", number), 0, "first")
    site.refused(APPROVER, REFUSED, "transfers", "approve", number)
    # An officer may decide, but the step asks for approvers.
    site.refused(OFFICER, REFUSED, "transfers", "approve", number)
    equal(site.state(number), "waiting", "state")


@people
def test_what_is_settled(site):
    number = site.submit(FLOW, "済.txt", b"x\n", STAFF, ["confirmed"])
    for words in ("transfers approve", "transfers return", "holds reject"):
        site.refused(APPROVER, REFUSED, *words.split(), number)
    site.refused(OFFICER, REFUSED, "holds", "release", number)
    site.refused(STRANGER, DENIED, "transfers", "revoke", number)
    equal(site.state(number), "confirmed", "state")


@people
def test_after_a_rejection(site):
    number = site.submit("one", "差戻.txt", b"x\n", STAFF, ["waiting"])
    equal(site.ask(APPROVER, "transfers", "return", number, "--comment",
                   "wrong file"), 0, "return")
    equal(site.state(number), "rejected", "state")
    site.refused(OFFICER, REFUSED, "holds", "release", number)
    site.refused(APPROVER, REFUSED, "transfers", "approve", number)


def test_no_such_thing(site):
    uid = OFFICER if IS_ROOT else None
    equal(site.ask(uid, "transfers", "show", UNKNOWN), REFUSED, "show")
    equal(site.ask(uid, "transfers", "approve", UNKNOWN), REFUSED, "approve")
    equal(site.ask(uid, "holds", "release", UNKNOWN), REFUSED, "release")
    equal(site.ask(uid, "transfers", "show", "I20260401-00017-4"), USAGE,
          "a mistyped number")
    equal(site.ask(uid, "channel", "freeze", "nowhere"), USAGE, "channel")
    equal(site.ask(uid, "channel", "melt", "internet-lgwan"), USAGE, "verb")
    equal(site.ask(uid, "holds", "release"), USAGE, "no number")
    done = subprocess.run(
        [site.internet.bin / "gatewayctl", "--dir", site.base, "status"],
        capture_output=True, check=False)
    equal(done.returncode in (USAGE, UNREACHABLE), True, "no gateway here")


# -- pairing -----------------------------------------------------------------


def accept(site, path, digits, code, audited=True):
    """lgwan's administrator is handed a card."""
    site.refused(ADMIN if IS_ROOT else None, code, "pair", "accept",
                 str(path), "--digits", digits, "--new-secret",
                 zone=site.lgwan, audited=audited)


def peers(site):
    return [(row["zone"], row["digits"]) for row in
            site.lgwan.rows("pair", "show") if row["kind"] == "peer"]


def card_of(site, zone, name):
    path = site.base / name
    path.write_bytes(zone.ctl("pair", "card", "--binary").stdout)
    os.chmod(path, 0o644)
    return path, zone.rows("pair", "show")[0]["digits"]


def test_wrong_cards(site):
    before = peers(site)
    path, digits = card_of(site, site.internet, "card.bin")
    other = digits.replace(digits[0], "9" if digits[0] != "9" else "8")
    accept(site, path, other, DAMAGED)
    accept(site, path, "1" * 30, DAMAGED)
    accept(site, path, "", USAGE, audited=False)
    damaged = site.base / "damaged.bin"
    for at in (0, 40, 100, -1):
        content = bytearray(path.read_bytes())
        content[at] ^= 1
        damaged.write_bytes(content)
        os.chmod(damaged, 0o644)
        accept(site, damaged, digits, DAMAGED)
    damaged.write_bytes(path.read_bytes()[:-1])
    accept(site, damaged, digits, DAMAGED)
    own, own_digits = card_of(site, site.lgwan, "lgwan.bin")
    accept(site, own, own_digits, REFUSED)
    equal(peers(site), before, "peers")


def test_replaced_and_bench_cards(site):
    """Another gateway that says it is internet, made for benches."""
    impostor = site.zone("internet", site.internet.bin, None)
    impostor.dir = site.base / "impostor"
    impostor.folders = impostor.dir / "folders"
    impostor.log = impostor.dir / "gatewayd.log"
    impostor.configure(EXAMPLE / "internet", {":7443": f":{free_port()}"},
                       site.base / "signatures")
    before = peers(site)
    impostor.start()
    try:
        impostor.ctl("pair", "init", "--bench")
        path, digits = card_of(site, impostor, "impostor.bin")
    finally:
        impostor.stop()
    _, genuine = card_of(site, site.internet, "card.bin")
    accept(site, path, genuine, DAMAGED)
    accept(site, path, digits, REFUSED)
    equal(peers(site), before, "peers")
    site.refused(ADMIN if IS_ROOT else None, REFUSED, "pair", "init",
                 "--bench", zone=site.lgwan, audited=False)


# -- rules -------------------------------------------------------------------


def test_ended_flow(site):
    yesterday = datetime.date.today() - datetime.timedelta(days=2)
    site.add_flow(site.internet, "ended", more=f"until: {yesterday}\n")
    site.internet.ctl("reload")
    wait_for((site.internet.folders / "in/ended").exists, "its folder", 60,
             site.zones)
    site.drop(site.internet, "ended", "遅い.txt", b"x\n")
    kept = site.internet.folders / "rejected" / "ended" / "遅い.txt"
    wait_for(kept.exists, "the refusal", 60, site.zones)
    rows = site.internet.rows("log", "search", "--event", "refused-intake",
                              "--flow", "ended")
    equal([row["reason_code"] for row in rows], ["flow-ended"], "entry")
    equal(site.ask(None, "send", "ended", str(kept)), REFUSED, "send")


def test_broken_rules_are_not_loaded(site):
    path = site.internet.dir / "flows" / "broken.yaml"
    path.write_text("flow: broken\nstages: [hope]\n", encoding="utf-8")
    equal(site.ask(None, "reload") in (REFUSED, USAGE), True, "reload")
    path.unlink()
    site.internet.ctl("reload")
    site.drop(site.internet, FLOW, "まだ.txt", b"still\n")
    equal(site.wait_file(site.lgwan, f"out/{FLOW}/まだ.txt"), b"still\n",
          "content")


def test_no_way_between_other_zones(site):
    """internet and mynumber have no direct route, whoever writes it."""
    site.add_flow(site.internet, "direct")
    path = site.internet.dir / "flows" / "direct.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(
        "to: lgwan", "to: mynumber"), encoding="utf-8")
    equal(site.ask(None, "reload") in (REFUSED, USAGE), True, "reload")
    path.unlink()
    site.internet.ctl("reload")


def test_logs_are_whole(site):
    tool = site.internet.bin / "gateway-verify"
    for mine, other in ((site.internet, site.lgwan),
                        (site.lgwan, site.internet)):
        done = subprocess.run(
            [tool, "--lang", "en", "--peer", other.dir / "state/audit",
             mine.dir / "state/audit"], capture_output=True, text=True,
            check=False)
        equal(done.returncode, 0, "gateway-verify: " + done.stdout)


if __name__ == "__main__":
    run(sys.modules[__name__], People)
