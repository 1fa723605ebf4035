#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""gateway-verify against damaged logs, and against the second verifier.

usage: verify_test.py GATEWAY_VERIFY AUDIT_SAMPLE [--every N] [--count N]
Every byte of a small log is flipped and every file cut at every byte; both
verifiers must notice each.  --every N takes every N-th byte only; --count N
adds N random mutations of larger logs on which both must agree.
"""
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', '..',
                                'support'))
import verify as second  # noqa: E402

VERIFY, SAMPLE = sys.argv[1:3]
OPTIONS = dict(zip(sys.argv[3::2], map(int, sys.argv[4::2])))
EVERY = OPTIONS.get('--every', 1)
COUNT = OPTIONS.get('--count', 0)
WORK = tempfile.mkdtemp(prefix='verify-test-', dir='/dev/shm')
checks = 0


def expect(what, got, want):
    global checks
    checks += 1
    if got != want:
        print('FAILED %s: %r, not %r (kept in %s)' % (what, got, want, WORK))
        sys.exit(1)


def make(name, plan):
    path = os.path.join(WORK, name)
    os.mkdir(path)
    subprocess.run([SAMPLE, path, plan], check=True)
    return path + '/a', path + '/b'


def first(*args):
    done = subprocess.run([VERIFY, *args], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env={'LANG': 'C'})
    return done.returncode, done.stdout.decode()


def both(what, want, log, pub=None, peer=None):
    args = []
    if pub is not None:
        args += ['--pub', pub.hex()]
    if peer is not None:
        args += ['--peer', peer]
    expect(what + ', first', first(*args, log)[0], want)
    expect(what + ', second', 5 if second.verify(log, pub, peer) else 0, want)


def files(log):
    for folder, _, names in os.walk(log):
        for name in sorted(names):
            path = os.path.join(folder, name)
            if not os.path.basename(path)[4:].isdigit():  # private key
                yield path


def agreed(what, log):
    """What both say of the log: 0 or 5."""
    global checks
    checks += 1
    one = first(log)[0]
    two = 5 if second.verify(log) else 0
    if one != two:
        print('FAILED %s: first says %d, second %d %r (kept in %s)' %
              (what, one, two, second.verify(log), WORK))
        sys.exit(1)
    return one


def mutate(log, noticed):
    """Every flip and every cut; noticed(path, at) says if it must be seen."""
    for path in files(log):
        with open(path, 'rb') as f:
            data = f.read()
        for at in range(0, len(data), EVERY):
            flipped = bytearray(data)
            flipped[at] ^= 1 << at % 8
            for how, new in (('flip', bytes(flipped)), ('cut', data[:at])):
                with open(path, 'wb') as f:
                    f.write(new)
                what = '%s of %s at %d' % (how, path, at)
                got = agreed(what, log)
                want = noticed(path, at, how)
                if want is not None:
                    expect(what, got, want)
        with open(path, 'wb') as f:
            f.write(data)
    expect('restored', agreed('restored', log), 0)


def test_sound():
    a, b = make('sound', 'e3 E5 p P c C e300 E2 p P e700 c e1 s p P C')
    both('own', 0, a)
    both('peer', 0, a, peer=b)
    both('peer, other way', 0, b, peer=a)
    code, out = first('--lang', 'ja', '--peer', b, a)
    expect('sentence', out.splitlines()[-1],
           'この期間の記録は改ざん・欠落なし。相手側の記録とも一致')
    code, out = first('--lang', 'en', a)
    expect('sentence en', out.splitlines()[-1],
           'The records of this period are unaltered and complete; they '
           "were not compared with the other side's")
    code, out = first('--json', '--peer', b, a)
    doc = json.loads(out)
    expect('json verdict', doc['verdict'], 'ok')
    expect('json size', doc['log']['size'], 1009)
    expect('json signed', doc['log']['signed_size'], 1005)
    expect('json compared', doc['log']['anchors_compared'], 3)
    code, out = first('--anchors', '--json', a)
    expect('anchors', len(json.loads(out)['anchor_list']), 3)
    pub = second.parse_key(open(a + '/' + [n for n in os.listdir(a)
                           if n.endswith('.pub')][0], 'rb').read())[1]
    both('right key', 0, a, pub=pub)
    both('other key', 5, a, pub=bytes(32))
    expect('usage', first()[0], 2)
    expect('usage, both', first('--peer', b, '--anchors', a)[0], 2)
    expect('usage, key', first('--pub', '12', a)[0], 2)
    expect('no folder', first(a + '/none')[0], 2)


def test_contents():
    a, b = make('void', 'e2 s e1 c')
    both('void', 0, a)
    a, b = make('void2', 'e2 v e1 c')
    both('void without state', 5, a)
    a, b = make('void3', 'e2 c v')
    both('void without state, unsigned', 5, a)
    a, b = make('nonsense', 'e2 x c')
    both('no record', 5, a)
    code, out = first('--lang', 'en', a)
    expect('names the entry', 'entry #2' in out.splitlines()[-1], True)
    a, b = make('nonsense2', 'e2 c x')
    both('no record, unsigned', 5, a)
    a, b = make('anchor', 'e2 E3 C z c')
    both('alone it is sound', 0, a)
    both('wrong anchor', 5, a, peer=b)
    both('wrong anchor, other way', 5, b, peer=a)
    a, b = make('anchor2', 'e2 E3 C o c')
    both('anchor of somebody else', 0, a, peer=b)
    code, out = first('--lang', 'en', '--peer', b, a)
    expect('none compared', 'neither side' in out.splitlines()[-1], True)


def test_rewritten():
    """A whole new history under the same key: only the peer knows."""
    a, b = make('old', 'e5 E5 p P c C')
    again, _ = make('new', 'e6 c')
    both('consistent in itself', 0, again)
    both('rewritten', 5, again, peer=b)
    both('the peer tells', 5, b, peer=again)
    a2, _ = make('short', 'e1 c')
    both('cut back', 5, b, peer=a2)


def test_copies():
    a, b = make('copy', 'e300 c e5')
    os.unlink(a + '/journal')
    both('published copy', 0, a)
    os.unlink(a + '/tile/0/000')
    both('tile missing', 5, a)
    a, b = make('copy2', 'e300 c')
    os.unlink(a + '/tile/entries/000')
    both('bundle missing', 5, a)
    a, b = make('copy3', 'e5 c')
    os.unlink(a + '/checkpoint')
    both('checkpoint missing', 5, a)
    # What an interrupted checkpoint leaves behind means nothing.
    a, b = make('copy4', 'e5 c e3')
    with open(a + '/tile/0/000.p/8', 'wb') as f:
        f.write(b'half')
    both('beyond the checkpoint', 0, a)


def test_every_byte():
    a, b = make('closed', 'e2 c e1 s p c')
    mutate(a, lambda path, at, how: 5)
    # Two groups behind the checkpoint: the last one may have been torn.
    a, b = make('open', 'e2 c e2 e1')
    with open(a + '/journal', 'rb') as f:
        journal = f.read()
    last = journal.rindex(b'GRP1')
    firsts = journal.index(b'GRP1')

    def noticed(path, at, how):
        if not path.endswith('/journal'):
            return 5
        if how == 'flip':
            return 0 if at >= last else 5
        return 5 if at < 52 else 0

    mutate(a, noticed)
    expect('groups', firsts, 52)


def test_random():
    """Larger logs, several bytes at once: both must agree."""
    rng = random.Random(20260401)
    logs = [make('r%d' % i, plan)[0] for i, plan in enumerate(
        ('e3 c e300 c e5 e7', 'e256 c', 'e255 c e1 c e1 c', 'e40 s c e9'))]
    noticed = 0
    for n in range(COUNT):
        log = rng.choice(logs)
        path = rng.choice(list(files(log)))
        with open(path, 'rb') as f:
            data = f.read()
        new = bytearray(data)
        for _ in range(rng.randint(1, 4)):
            how = rng.randrange(4)
            at = rng.randrange(len(new) + 1)
            if how == 0 and at < len(new):
                new[at] = rng.randrange(256)
            elif how == 1:
                del new[at:at + rng.randint(1, 64)]
            elif how == 2:
                new[at:at] = bytes(rng.randrange(256)
                                   for _ in range(rng.randint(1, 32)))
            else:
                end = min(len(new), at + rng.randint(1, 64))
                new[at:at] = new[at:end]
        with open(path, 'wb') as f:
            f.write(new)
        noticed += agreed('random %d on %s' % (n, path), log) == 5
        with open(path, 'wb') as f:
            f.write(data)
    if COUNT:
        expect('most are noticed', noticed > COUNT // 2, True)


def test_document():
    """The page's table of events is the code's."""
    root = os.path.join(os.path.dirname(__file__), '..', '..', '..')
    with open(os.path.join(root, 'proto/record/audit.h')) as f:
        code = set(re.findall(r'X\(AUDIT_\w+, (\d+), "([a-z-]+)"', f.read()))
    with open(os.path.join(root, 'proto/PROTOCOL-audit.md')) as f:
        text = f.read()
    table = text[text.index('## Events'):text.index('Any other value')]
    page = set(re.findall(r'\| (\d+) \| ([a-z-]+) ', table))
    expect('events of the page', page, code)
    expect('events of the verifier', {int(v) for v, _ in code},
           set(second.EVENTS))


test_document()
test_sound()
test_contents()
test_rewritten()
test_copies()
test_every_byte()
test_random()
shutil.rmtree(WORK)
print('ok: %d checks' % checks)
