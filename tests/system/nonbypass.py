# SPDX-License-Identifier: ISC
"""A process that was taken over, beside honest others, gets nothing
unscanned or unapproved into a mailbox.

lgwan is the zone with the hostile process.  What it sends goes to a peer
whose scanners find nothing, so lgwan alone has to stop it; what comes to it
was let through by such a peer.  docs/THREATS.md names the exceptions.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]
                       / "support"))
from ground import (IN, LIARS, OUT, STOPPED, UNSEEN, FORMULA,  # noqa: E402
                    ground, program_file)
from systest import ZoneError, eicar, equal, run, wait_for  # noqa: E402


def stopped(site, zone, side, name, content, flow=None):
    """Sent from `zone`; both ends of it were stopped at that side."""
    number = site.send(zone, name, content, flow)
    target = {"low": zone, "high": site.lgwan if zone is site.internet
              else site.internet}[side]
    return site.wait_number(target, side, number)


def infected_both_ways(site, name):
    stopped(site, site.lgwan, "low", name, eicar())
    stopped(site, site.internet, "high", name, eicar())


def put_back(site):
    """The real program again: honest files pass."""
    site.put_back()
    site.honest("終わり.txt")


# -- spool -------------------------------------------------------------------

spool = ground("gateway-spool")


@spool
def test_peer_that_lies(site):
    """The ground itself: a peer without scanners, nobody hostile here."""
    site.behave(peer=LIARS)
    number = site.send(site.internet, "検体.txt", eicar())
    row = site.wait_number(site.lgwan, "high", number)
    equal(row["reason_code"], "virus-found", "reason")
    equal(site.wait_said("lied", zone=site.internet) != [], True, "lie")


@spool
def test_spool_seals_uninspected(site):
    site.behave(["spool/seal-at-once"], LIARS)
    site.send(site.lgwan, "未検査.txt", eicar())
    site.refused(r"seal \d: err (-?\d+), fds 0", 2)


@spool
def test_spool_evaluates_another(site):
    site.behave(["spool/evaluate-other"], LIARS)
    site.drop(site.lgwan, OUT, "よい.txt", b"good\n")
    site.wait_file(site.internet, f"out/{OUT}/よい.txt")
    stopped(site, site.lgwan, "low", "わるい.txt", eicar())
    site.refused(r"seal: err (-?\d+), fds 0")


@spool
def test_spool_seals_another(site):
    site.behave(["spool/seal-other"], LIARS)
    stopped(site, site.lgwan, "low", "わるい2.txt", eicar())
    site.drop(site.lgwan, OUT, "よい2.txt", b"good\n")
    site.wait_file(site.internet, f"out/{OUT}/よい2.txt")
    site.refused(r"seal \d: err (-?\d+), fds 0", 3)


@spool
def test_spool_shows_inspect_other_bytes(site):
    site.behave(["spool/swap-for-inspect"], LIARS)
    site.drop(site.lgwan, OUT, "よい3.txt", b"good\n")
    site.wait_file(site.internet, f"out/{OUT}/よい3.txt")
    stopped(site, site.lgwan, "low", "わるい3.txt", eicar())
    stopped(site, site.internet, "high", "わるい3.txt", eicar())
    site.wait_said("swapped", 2)


@spool
def test_spool_gives_link_other_bytes(site):
    site.behave(["spool/swap-for-link"], LIARS)
    stopped(site, site.lgwan, "low", "わるい4.txt", eicar())
    site.send(site.lgwan, "よい4.txt", b"good\n")
    site.wait_said("swapped")
    wait_for(lambda: [row for row in site.internet.transfers("--side", "high")
                      if row["state"] == "damaged"], "DAMAGED", 60,
             site.zones)


@spool
def test_spool_gives_courier_other_bytes(site):
    site.behave(["spool/swap-for-courier"], LIARS)
    stopped(site, site.internet, "high", "わるい5.txt", eicar())
    number = site.send(site.internet, "よい5.txt", b"good\n")
    site.wait_number(site.lgwan, "high", number)
    site.wait_said("swapped")


@spool
def test_spool_delivers_what_was_refused(site):
    site.behave(["spool/deliver-refused"], LIARS)
    stopped(site, site.lgwan, "low", "道具.txt", program_file())
    site.refused(r"staged: err (-?\d+)")


@spool
def test_spool_delivers_uninspected(site):
    site.behave(["spool/deliver-early"], LIARS)
    site.send(site.internet, "早い.txt", eicar())
    site.refused(r"staged: err (-?\d+)")


@spool
def test_spool_delivers_elsewhere(site):
    site.behave(["spool/deliver-elsewhere"], LIARS)
    number = site.send(site.internet, "別.txt", b"good\n")
    site.refused(r"staged: err (-?\d+)")
    site.wait_number(site.lgwan, "high", number)
    equal([name for name in site.mailbox(site.lgwan)
           if name.startswith("documents/")], [], "documents' mailbox")


@spool
def test_spool_opens_twice(site):
    site.behave(["spool/open-twice"], LIARS)
    site.drop(site.internet, IN, "一度.txt", b"once\n")
    site.wait_file(site.lgwan, f"out/{IN}/一度.txt")
    for match in site.wait_said(r"opened again: err 0, same (\d)"):
        equal(match[1], "1", "the same transfer")


@spool
def test_spool_shows_another_to_approvers(site):
    site.behave(["spool/approve-other"], LIARS)
    unseen = site.send(site.lgwan, "見ない.txt", UNSEEN, "one-out")
    site.wait_number(site.lgwan, "low", unseen)
    seen = site.send(site.lgwan, "見た.txt", b"seen\n", "one-out")
    site.wait_number(site.lgwan, "low", seen, ["waiting"])
    equal(site.approve(seen), 1, "exit status of approve")
    site.wait_said("another transfer under")
    site.wait_number(site.lgwan, "low", unseen, ["waiting"])


@spool
def test_spool_gives_two_one_number(site):
    site.behave(["spool/one-number"], LIARS)
    seen = site.send(site.lgwan, "見た2.txt", b"seen\n", "one-out")
    site.wait_number(site.lgwan, "low", seen, ["waiting"])
    unseen = site.send(site.lgwan, "見ない2.txt", UNSEEN, "one-out")
    site.refused(r"evaluate: err (-\d+)")
    site.wait_number(site.lgwan, "low", unseen, ["held"])
    site.approve(seen)
    site.approve(unseen)
    site.behave()
    site.wait_number(site.lgwan, "low", unseen, ["held"])


@spool
def test_spool_put_back(site):
    put_back(site)


# -- inspect -----------------------------------------------------------------

inspect = ground("gateway-inspect")


@inspect
def test_inspect_reports_at_once(site):
    site.behave(["inspect/report-at-once"], LIARS)
    infected_both_ways(site, "未検査.txt")
    site.wait_said("reported", 2)


@inspect
def test_inspect_runs_only_the_manifest(site):
    site.behave(["inspect/only-manifest"], LIARS)
    infected_both_ways(site, "目録だけ.txt")
    site.wait_said("skipped", 2)


@inspect
def test_inspect_skips_clam(site):
    site.behave(["inspect/skip-clam"], LIARS)
    infected_both_ways(site, "検体.txt")
    site.wait_said("skipped", 2)


@inspect
def test_inspect_gives_other_bytes(site):
    site.behave(["inspect/other-bytes"], LIARS)
    site.drop(site.lgwan, OUT, "よい.txt", b"good\n")
    site.wait_file(site.internet, f"out/{OUT}/よい.txt")
    infected_both_ways(site, "差替.txt")
    site.wait_said("swapped", 2)


@inspect
def test_inspect_put_back(site):
    put_back(site)


# -- zygotes -----------------------------------------------------------------

zygotes = ground("gateway-scan-manifest", "gateway-scan-identify",
                 "gateway-scan-clam", "gateway-scan-confirm")


def caught_by_peer(site, stage, name, content, reason):
    """That stage lies here; the honest peer finds it, whichever way."""
    site.behave([f"zygote-{stage}/lie"])
    row = stopped(site, site.lgwan, "high", name, content)
    equal(row["reason_code"], reason, "what the receiver says")
    site.wait_said("lied")
    row = stopped(site, site.internet, "low", name, content)
    equal(row["reason_code"], reason, "what the sender says")


@zygotes
def test_clam_lies(site):
    caught_by_peer(site, "clam", "検体.txt", eicar(), "virus-found")


@zygotes
def test_identify_lies(site):
    caught_by_peer(site, "identify", "手順.bat", b"del x\r\n",
                   "type-executable")


@zygotes
def test_confirm_lies(site):
    caught_by_peer(site, "confirm", "式.csv", FORMULA, "formula-cell")


@zygotes
def test_zygote_speaks_of_another_body(site):
    site.behave(["zygote-clam/other-body"], LIARS)
    site.drop(site.lgwan, OUT, "よい.txt", b"good\n")
    site.wait_file(site.internet, f"out/{OUT}/よい.txt")
    infected_both_ways(site, "他人.txt")
    site.refused(r"verdict: err (-?\d+)", 4)


@zygotes
def test_zygote_speaks_for_another_stage(site):
    site.behave(["zygote-identify/other-stage"], LIARS)
    infected_both_ways(site, "他段.txt")
    site.refused(r"verdict: err (-?\d+)", 6)


@zygotes
def test_zygote_asks_for_other_keys(site):
    site.behave(["zygote-clam/grant-others"], LIARS)
    infected_both_ways(site, "他鍵.txt")
    site.refused(r"grant: err (-?\d+)", 8)


@zygotes
def test_manifest_calls_files_empty(site):
    """Nobody would look at what is in them."""
    site.behave(["zygote-manifest/empty-files"], LIARS)
    infected_both_ways(site, "空.txt")
    site.wait_said("told", 2)


@zygotes
def test_manifest_calls_all_text(site):
    site.behave(["zygote-manifest/all-text"], LIARS)
    stopped(site, site.internet, "high", "手順.bat", b"del x\r\n")
    site.wait_said("told")


@zygotes
def test_zygotes_put_back(site):
    put_back(site)


# -- courier -----------------------------------------------------------------

courier = ground("gateway-courier")


@courier
def test_courier_claims_a_laxer_flow(site):
    site.behave(["courier/lax-flow"], LIARS)
    stopped(site, site.lgwan, "low", "緩い.txt", UNSEEN, "one-out")
    site.wait_said("told")


@courier
def test_courier_names_wrong_roots(site):
    site.behave(["courier/wrong-root"], LIARS)
    stopped(site, site.lgwan, "low", "違う.txt", eicar())
    site.wait_said("told")


@courier
def test_courier_names_wrong_extensions(site):
    site.behave(["courier/wrong-name"], LIARS)
    stopped(site, site.lgwan, "low", "手順.bat", b"del x\r\n")
    site.wait_said("told")


@courier
def test_courier_decides_itself(site):
    """Such a request is fatal: all that depends on keys starts anew."""
    site.behave(["courier/decide"], LIARS)
    site.drop(site.lgwan, "one-out", "自分で.txt", UNSEEN)
    site.wait_said("decides")
    site.behave()
    wait_for(lambda: b"type not permitted here" in
             site.lgwan.log.read_bytes(), "keys to refuse", 60, site.zones)
    wait_for(lambda: [row for row in site.look(site.lgwan, "--side", "low")
                      if (row["flow"], row["state"]) ==
                      ("one-out", "waiting")], "it to wait still", 60,
             site.zones)


@courier
def test_courier_asks_for_keys_early(site):
    site.behave(["courier/release-early"], LIARS)
    stopped(site, site.internet, "high", "早い.txt", eicar())
    site.refused(r"0x\w+: err (-?\d+)", 3)


@courier
def test_courier_put_back(site):
    put_back(site)


# -- desk --------------------------------------------------------------------

desk = ground("gateway-desk")


@desk
def test_desk_releases_what_nobody_may(site):
    site.behave(peer=LIARS)
    infected_both_ways(site, "検体.txt")
    stopped(site, site.lgwan, "low", "道具.txt", program_file())
    site.behave(["desk/forge"], LIARS)
    site.lgwan.transfers()
    site.wait_said(r"forged [1-9]\d* decisions, 0 taken")
    equal({row["state"] for row in site.lgwan.transfers()}
          >= {"quarantined", "rejected"}, True, "states")


@desk
def test_desk_forges_a_missing_approval(site):
    number = site.send(site.lgwan, "二人.txt", UNSEEN, "two-out")
    site.wait_number(site.lgwan, "low", number, ["waiting"])
    site.behave(["desk/forge-approval"], LIARS)
    site.lgwan.transfers("--number", number)
    said = site.wait_said(r"approval (\d): err (-?\d+)", 4)
    equal([int(match[2]) < 0 for match in said[:4]],
          [True, False, True, True], "only the approver, and once")
    site.wait_number(site.lgwan, "low", number, ["waiting"])


@desk
def test_desk_put_back(site):
    put_back(site)


# -- link --------------------------------------------------------------------

link = ground("gateway-link")


@link
def test_link_replays(site):
    site.behave(["link/replay"], LIARS)
    for name in ("一.txt", "二.txt"):
        site.drop(site.internet, IN, name, name.encode() + b"\n")
        site.wait_file(site.lgwan, f"out/{IN}/{name}")
    site.wait_said(r"replayed: err 0, state 3")
    site.honest("三.txt")
    equal(sorted(name for name in site.mailbox(site.lgwan)
                 if name.startswith(f"{IN}/一")), [f"{IN}/一.txt"], "once")


@link
def test_link_forges_bodies(site):
    site.behave(["link/forge-bodies"], LIARS)
    number = site.send(site.internet, "身.txt", b"body\n")
    site.wait_said("forged")
    wait_for(lambda: [row for row in site.lgwan.transfers("--side", "high")
                      if row["state"] in STOPPED], "the stop", 60,
             site.zones)
    equal([name for name in site.mailbox(site.lgwan) if "身" in name], [],
          f"mailbox without {number}")


@link
def test_link_forges_tables(site):
    site.behave(["link/forge-tables"], LIARS)
    before = len(bad_parcels(site))
    site.send(site.internet, "表.txt", b"table\n")
    site.wait_said("forged")
    wait_for(lambda: len(bad_parcels(site)) > before, "keys to refuse it",
             60, site.zones)
    equal([name for name in site.mailbox(site.lgwan) if "表" in name], [],
          "mailbox")


def bad_parcels(site):
    return site.lgwan.rows("log", "search", "--event", "parcel-bad")


@link
def test_link_forges_acks(site):
    site.behave(["link/forge-ack"], LIARS)
    number = site.send(site.lgwan, "受.txt", b"ack\n")
    site.refused(r"answered: err (-?\d+)")
    states = [row["state"] for row in
              site.lgwan.transfers("--number", number)]
    equal("confirmed" in states, False, "claimed to have arrived")
    site.behave()
    site.wait_number(site.lgwan, "low", number, ["confirmed"])


@link
def test_link_put_back(site):
    put_back(site)


forging_link = ground("gateway-link", "")


@forging_link
def test_link_forges_headers(site):
    """It holds the place of the honest one, which then is the second under
    its number: the channel freezes until people have looked."""
    site.behave(["link/forge-header"], LIARS)
    before = len(bad_parcels(site))
    site.send(site.internet, "頭.txt", eicar())
    site.wait_said("forged")
    wait_for(lambda: len(bad_parcels(site)) > before, "the refusal", 60,
             site.zones)
    site.put_back()
    site.drop(site.internet, IN, "後.txt", b"after\n")
    wait_for(lambda: "frozen" in [row["state"] for zone in site.zones
                                  for row in zone.rows("channel", "list")]
             or (site.lgwan.folders / "out" / IN / "後.txt").exists(),
             "the channel to freeze, or go on", 60, site.zones)


# -- audit -------------------------------------------------------------------

audit = ground("gateway-audit")


@audit
def test_audit_forgets(site):
    site.behave(["audit/forget"], LIARS)
    infected_both_ways(site, "検体.txt")
    site.wait_said("forgot")
    site.honest("通る.txt")


@audit
def test_audit_put_back(site):
    """The log lacks what was acknowledged: spool does not go on with it."""
    site.behave()
    try:
        site.put_back(timeout=5)
    except ZoneError:
        pass
    equal("the log was cut" in site.lgwan.log.read_text(
        encoding="utf-8", errors="replace"), True, "refusal to go on")


if __name__ == "__main__":
    run(sys.modules[__name__])
