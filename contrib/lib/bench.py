# SPDX-License-Identifier: ISC
"""Measure two gateways and the tools people use instead, in one run."""
import argparse
import os
import pathlib
import shutil
import signal
import sys

HERE = pathlib.Path(__file__).resolve()
TOP = HERE.parents[2]
sys.path[:0] = [str(HERE.parent), str(TOP / "tests" / "bench")]
import disk  # noqa: E402
import figures  # noqa: E402
import report  # noqa: E402

PLACES = ("fs", "large")


def arguments():
    keys = {key: name for name, (_, keys) in figures.MEASURES.items()
            for key in keys}
    parser = argparse.ArgumentParser(
        prog="contrib/bench", description="Speed and memory, with rsync, "
        "scp and clamdscan measured in the same run.")
    parser.add_argument("--bin", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--json", metavar="FILE",
                        help="write all figures, raw values and facts")
    parser.add_argument("--only", metavar="NAME", action="append",
                        help="one measure, or the one that gives this key; "
                        "may be repeated (see --list)")
    parser.add_argument("--quick", action="store_true",
                        help="small sizes: shows that it runs; its figures "
                        "mean little")
    parser.add_argument("--list", action="store_true",
                        help="print the measures and their keys")
    parser.add_argument("--dir", help="where to work (default: "
                        "/var/tmp/sekisho-bench-USER)")
    parser.add_argument("--minutes", type=float, default=40, metavar="N",
                        help="no new round after N minutes (default 40)")
    args = parser.parse_args()
    if args.list:
        for name, (_, given) in figures.MEASURES.items():
            print(f"{name}: {' '.join(given)}")
        sys.exit(0)
    only = [keys.get(name, name) for name in args.only or ()]
    for name in only:
        if name not in figures.MEASURES:
            parser.error(f"no measure is called {name}; see --list")
    args.only = only or list(figures.MEASURES)
    args.bin = str(pathlib.Path(args.bin).resolve())
    return args


def make_base(args):
    """The bench's folder; only one that it made itself is used again."""
    user = os.environ.get("USER") or str(os.geteuid())
    base = pathlib.Path(args.dir or f"/var/tmp/sekisho-bench-{user}")
    base = base.absolute()
    marker = base / ".sekisho-bench"
    if base.exists() and any(base.iterdir()) and not marker.exists():
        print(f"{base} exists and was not made by the bench; choose another "
              "folder with --dir", file=sys.stderr)
        sys.exit(2)
    base.mkdir(parents=True, exist_ok=True)
    base.chmod(0o755)
    marker.touch()
    disk.clear_leftovers(base, PLACES)
    return base


def measure(ctx, name):
    """Run one measure; what fails is recorded and the rest goes on."""
    function, keys = figures.MEASURES[name]
    ctx.say(f"== {name}")
    if ctx.left() < 60:
        ctx.report.fail(name, keys, "no time was left for it")
        return
    try:
        function(ctx)
    except figures.FAILURES as error:
        text = str(error) or type(error).__name__
        ctx.report.fail(name, keys, text)
        ctx.say(f"{name} failed: {text}")
        # Gateways that hung must not slow down what follows.
        for pair in list(ctx.pairs):
            ctx.close_pair(pair)
        for leftover in ("arrived", "prepared", "burst", "latency"):
            shutil.rmtree(ctx.place.path / leftover, ignore_errors=True)
    ctx.report.write()


def interrupt(*_):
    raise KeyboardInterrupt


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, interrupt)
    base = make_base(args)
    out = report.Report(args.json, args.quick)
    out.facts = {"machine": report.machine(), "commit": report.commit(TOP)}
    ctx = figures.Context(args, out, base)
    is_whole = False
    try:
        ctx.say("file system")
        ctx.place.open(write_once=not args.quick)
        out.facts["file_system"] = ctx.place.facts
        out.write()
        for name in args.only:
            measure(ctx, name)
        is_whole = True
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    finally:
        ctx.close()
        ctx.place.close()
    out.write()
    print("\n".join(out.table()))
    print(f"\nfile system: {ctx.place.facts.get('kind')}"
          + (f"\nnot on one of its own: {ctx.place.facts['why_not_own']}"
             if "why_not_own" in ctx.place.facts else ""))
    if args.quick:
        print("--quick: small sizes; these figures show that it runs, not "
              "how fast it is.")
    if args.json:
        print(f"all values: {args.json}")
    return 0 if is_whole and not out.errors else 1


if __name__ == "__main__":
    sys.exit(main())
