#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Second verifier of audit logs, written from proto/PROTOCOL-audit.md alone.

usage: verify.py [--pub HEX] [--peer LOGDIR] LOGDIR
Prints what is wrong, one line each; exit 0 sound, 5 damaged, 2 usage.
"""
import base64
import hashlib
import os
import re
import struct
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ENTRY_MAX = 2048
WIDTH = 256
CHECKPOINT_MAX = 4096
GROUP_ENTRIES = 1024
GROUP_HEADER = 60
TORN_MAX = 2099260

NUMBERS = {1: 2, 2: 2, 3: 4, 4: 8, 14: 4, 15: 4, 16: 4, 17: 4, 18: 8, 19: 8,
           20: 4, 21: 4, 25: 8}
BYTES = {5: 16, 6: 16, 7: 16, 22: 32, 23: 32, 24: 32}
TEXTS = {8: 23, 9: 47, 10: 47, 11: 23, 12: 63, 13: 127}
EVENTS = range(1, 25)
STATE, VOID, ANCHOR = 5, 6, 13


class Damaged(Exception):
    pass


def sha(data):
    return hashlib.sha256(data).digest()


def leaf_hash(entry):
    return sha(b'\0' + entry)


def node_hash(left, right):
    return sha(b'\1' + left + right)


class Tree:
    """Roots of full subtrees, the largest first, as in a binary number."""

    def __init__(self, size=0, parts=()):
        self.size, self.parts = size, list(parts)

    def copy(self):
        return Tree(self.size, self.parts)

    def add(self, leaf):
        self.parts.append(leaf)
        self.size += 1
        n = self.size
        while n % 2 == 0:
            right = self.parts.pop()
            self.parts.append(node_hash(self.parts.pop(), right))
            n //= 2

    def root(self):
        if not self.parts:
            return sha(b'')
        acc = self.parts[-1]
        for part in reversed(self.parts[:-1]):
            acc = node_hash(part, acc)
        return acc


def tree_root(hashes):
    tree = Tree()
    for h in hashes:
        tree.add(h)
    return tree.root()


# --- entries ----------------------------------------------------------------

def decode(entry):
    """Fields by tag; stages as a list under 26.  Raises Damaged."""
    if len(entry) > ENTRY_MAX:
        raise Damaged('entry too long')
    if entry[:1] != b'\1':
        raise Damaged('entry version')
    fields, at, last = {}, 1, 0
    while at < len(entry):
        if at + 3 > len(entry):
            raise Damaged('field cut short')
        tag, length = struct.unpack_from('>BH', entry, at)
        value = entry[at + 3:at + 3 + length]
        at += 3 + length
        if len(value) != length:
            raise Damaged('value cut short')
        if tag < last or (tag == last and tag != 26):
            raise Damaged('order of fields')
        last = tag
        decode_field(fields, tag, value)
    if fields.get(1) not in EVENTS or 4 not in fields:
        raise Damaged('event or time')
    return fields


def decode_field(fields, tag, value):
    if tag in NUMBERS:
        if len(value) != NUMBERS[tag] or not any(value):
            raise Damaged('number %d' % tag)
        fields[tag] = int.from_bytes(value, 'big')
    elif tag in BYTES:
        if len(value) != BYTES[tag] or not any(value):
            raise Damaged('bytes %d' % tag)
        fields[tag] = value
    elif tag in TEXTS:
        if not 1 <= len(value) <= TEXTS[tag] or \
           any(b < 0x20 or b == 0x7f for b in value):
            raise Damaged('text %d' % tag)
        fields[tag] = value
    elif tag == 26:
        if len(value) != 13:
            raise Damaged('stage length')
        index, verdict = struct.unpack_from('>BH', value)
        rows = fields.setdefault(26, [])
        if index > 7 or verdict == 0 or (rows and rows[-1] >= index):
            raise Damaged('stage')
        rows.append(index)
    elif tag == 27:
        if not 1 <= len(value) <= 320:
            raise Damaged('blob')
        fields[tag] = value
    else:
        raise Damaged('unknown field %d' % tag)


# --- signed notes -----------------------------------------------------------

def b64(text, length):
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise Damaged('base64')
    if len(raw) != length or base64.b64encode(raw) != text:
        raise Damaged('base64')
    return raw


def origin_ok(name):
    return re.fullmatch(rb'[\x21-\x2a\x2c-\x7e]{1,63}', name) is not None


def key_id(name, pub):
    return sha(name + b'\n\x01' + pub)[:4]


def parse_key(line):
    m = re.fullmatch(rb'([^+]*)\+([^+]*)\+([^\n]*)\n', line)
    if m is None or len(line) >= 192 or not origin_ok(m.group(1)):
        raise Damaged('key line')
    raw = b64(m.group(3), 33)
    if raw[0] != 1 or m.group(2) != key_id(m.group(1), raw[1:]).hex().encode():
        raise Damaged('key hash')
    return m.group(1), raw[1:]


def parse_number(text):
    if re.fullmatch(rb'0|[1-9][0-9]{0,19}', text) is None or \
       int(text) >= 1 << 64:
        raise Damaged('number')
    return int(text)


def parse_checkpoint(note):
    if len(note) > CHECKPOINT_MAX:
        raise Damaged('checkpoint too long')
    lines = note.split(b'\n')
    if len(lines) < 7 or lines[-1] != b'' or lines[4] != b'':
        raise Damaged('checkpoint lines')
    origin, size, root, time = lines[:4]
    if not origin_ok(origin):
        raise Damaged('origin')
    m = re.fullmatch(
        rb'time ([0-9]+) (synchronized|unsynchronized|unknown)', time)
    if m is None or parse_number(m.group(1)) == 0:
        raise Damaged('time line')
    sigs = []
    for line in lines[5:-1]:
        m = re.fullmatch('— '.encode() + rb'([^ ]+) (.*)', line)
        if m is None or not origin_ok(m.group(1)) or len(sigs) == 16:
            raise Damaged('signature line')
        raw = b64(m.group(2), 68)
        sigs.append((m.group(1), raw[:4], raw[4:]))
    text = b'\n'.join(lines[:4]) + b'\n'
    return origin, parse_number(size), b64(root, 32), text, sigs


def signature_ok(checkpoint, keys):
    origin, _, _, text, sigs = checkpoint
    for name, pub in keys:
        if name != origin:
            continue
        for sig_name, sig_id, sig in sigs:
            if sig_name != name or sig_id != key_id(name, pub):
                continue
            try:
                Ed25519PublicKey.from_public_bytes(pub).verify(sig, text)
            except InvalidSignature:
                return False
            return True
    return False


# --- bundles and journal ----------------------------------------------------

def split_entries(data, count):
    out, at = [], 0
    for _ in range(count):
        if at + 2 > len(data):
            raise Damaged('bundle cut short')
        length = int.from_bytes(data[at:at + 2], 'big')
        entry = data[at + 2:at + 2 + length]
        if len(entry) != length:
            raise Damaged('bundle cut short')
        out.append(entry)
        at += 2 + length
    if at != len(data):
        raise Damaged('bytes behind a bundle')
    return out


def tile_path(level, index):
    parts = ['%03d' % (index % 1000)]
    while index >= 1000:
        index //= 1000
        parts.insert(0, 'x%03d' % (index % 1000))
    return 'tile/%s/%s' % (level, '/'.join(parts))


def group_header(data, at):
    head = data[at:at + GROUP_HEADER]
    if len(head) != GROUP_HEADER or head[:4] != b'GRP1' or \
       sha(head[:52])[:8] != head[52:]:
        return None
    count, zero, length, first = struct.unpack('>HHIQ', head[4:20])
    if zero != 0 or not 1 <= count <= GROUP_ENTRIES:
        return None
    return count, length, first, head[20:52]


class Log:
    def __init__(self, path, pub=None):
        self.path, self.pub = path, pub
        self.findings = []
        self.entries = []       # (index, entry)
        self.channels = set()
        self.anchors = []       # (index, size, root, channel, zone)
        self.origin = b''
        self.roots_wanted = {}
        self.is_readable = False

    def find(self, what, entry=None):
        self.findings.append(
            what if entry is None else '%s (entry %d)' % (what, entry))

    def load(self, name):
        try:
            with open(os.path.join(self.path, name), 'rb') as f:
                return f.read()
        except OSError:
            return None

    def names(self, name):
        try:
            return sorted(os.listdir(os.path.join(self.path, name)))
        except OSError:
            return []

    def verify(self):
        keys = []
        for name in self.names('.'):
            if re.fullmatch(r'key-[0-9]{4}\.pub', name) is None:
                continue
            try:
                keys.append(parse_key(self.load(name) or b''))
            except Damaged as e:
                self.find('%s: %s' % (name, e))
        try:
            note = self.load('checkpoint')
            if note is None:
                raise Damaged('missing')
            checkpoint = parse_checkpoint(note)
        except Damaged as e:
            self.find('checkpoint: %s' % e)
            return
        self.origin, self.signed, root = checkpoint[:3]
        if self.pub is not None:
            keys = [(self.origin, self.pub)]
        if not signature_ok(checkpoint, keys):
            self.find('signature')
        tree = Tree()
        journal, base = self.journal_header()
        try:
            at_base = self.verify_tiles(tree, base)
        except Damaged as e:
            self.find(str(e))
            return
        if tree.root() != root:
            self.find('root')
        if journal is not None:
            try:
                self.verify_journal(journal, base, at_base, root)
            except Damaged as e:
                self.find('journal: %s' % e)
        self.verify_entries()
        self.is_readable = True

    # Bundles and hash tiles ..................................................

    def verify_tiles(self, tree, base):
        at_base = tree.copy() if base == 0 else None
        levels = [[] for _ in range(9)]
        index = 0
        while index * WIDTH < self.signed:
            width = min(WIDTH, self.signed - index * WIDTH)
            entries = self.verify_bundle(index, width)
            for entry in entries:
                self.entries.append((tree.size, entry))
                leaf = leaf_hash(entry)
                tree.add(leaf)
                if tree.size == base:
                    at_base = tree.copy()
                levels[0].append(leaf)
            level = 0
            while len(levels[level]) % WIDTH == 0:
                at = len(levels[level]) // WIDTH - 1
                full = levels[level][-WIDTH:]
                self.verify_tile(level, at, full)
                levels[level + 1].append(tree_root(full))
                level += 1
            index += 1
        for level in range(8):
            part = len(levels[level]) % WIDTH
            if part:
                self.verify_tile(level, len(levels[level]) // WIDTH,
                                 levels[level][-part:])
        return at_base

    def verify_bundle(self, index, width):
        path = tile_path('entries', index)
        name = path if width == WIDTH else '%s.p/%d' % (path, width)
        data = self.load(name)
        if data is None:
            raise Damaged('%s is missing' % name)
        try:
            entries = split_entries(data, width)
        except Damaged as e:
            raise Damaged('%s: %s' % (name, e))
        ends, at = [0], 0
        for entry in entries:
            at += 2 + len(entry)
            ends.append(at)
        self.verify_parts(path, width, lambda w: data[:ends[w]])
        return entries

    def verify_tile(self, level, index, hashes):
        path = tile_path(level, index)
        want = b''.join(hashes)
        name = path if len(hashes) == WIDTH else \
            '%s.p/%d' % (path, len(hashes))
        if self.load(name) != want:
            self.find('%s does not match' % name)
        self.verify_parts(path, len(hashes), lambda w: want[:32 * w])

    def verify_parts(self, path, width, beginning):
        for name in self.names(path + '.p'):
            if re.fullmatch(r'[1-9][0-9]{0,2}', name) is None:
                continue
            if int(name) >= min(width, WIDTH):
                continue
            part = '%s.p/%s' % (path, name)
            if self.load(part) != beginning(int(name)):
                self.find('%s does not match' % part)

    # Journal ..................................................................

    def journal_header(self):
        if 'journal' not in self.names('.'):
            return None, self.signed
        data = self.load('journal')
        if data is None or len(data) < 52 or data[:4] != b'GWJ1' or \
           sha(data[:44])[:8] != data[44:52]:
            self.find('journal header')
            return None, self.signed
        base = int.from_bytes(data[4:12], 'big')
        if base > self.signed:
            self.find('journal begins behind the checkpoint')
            return None, self.signed
        return data, base

    def verify_journal(self, data, base, tree, root):
        if tree.root() != data[12:44]:
            raise Damaged('root in its header')
        at = 52
        while at < len(data):
            after = self.next_group(data, at, tree)
            if after is None:
                if not self.is_torn(data, at, tree.size):
                    raise Damaged('damage at byte %d' % at)
                break
            at, entries, grown = after
            if tree.size < self.signed < grown.size:
                raise Damaged('checkpoint within a group')
            if grown.size == self.signed and grown.root() != root:
                raise Damaged('root at the checkpoint')
            for entry in entries:
                if tree.size >= self.signed:
                    self.entries.append((tree.size, entry))
                tree.add(leaf_hash(entry))
        if tree.size < self.signed:
            raise Damaged('ends before the checkpoint')

    def next_group(self, data, at, tree):
        head = group_header(data, at)
        if head is None or head[2] != tree.size:
            return None
        count, length, _, root = head
        start = at + GROUP_HEADER
        body = data[start:start + length]
        if len(body) != length:
            return None
        try:
            entries = split_entries(body, count)
        except Damaged:
            return None
        grown = tree.copy()
        for entry in entries:
            grown.add(leaf_hash(entry))
        if grown.root() != root:
            return None
        return start + length, entries, grown

    def is_torn(self, data, at, size):
        if len(data) - at > TORN_MAX:
            return False
        at = data.find(b'GRP1', at + 1)
        while at != -1:
            head = group_header(data, at)
            if head is not None and head[2] > size:
                return False
            at = data.find(b'GRP1', at + 1)
        return True

    # Entries ..................................................................

    def verify_entries(self):
        states = set()
        for index, entry in self.entries:
            try:
                fields = decode(entry)
            except Damaged as e:
                self.find('malformed: %s' % e, index)
                continue
            if 10 in fields:
                self.channels.add(fields[10])
            name = (fields.get(5), fields.get(11), fields.get(3, 0))
            if fields[1] == STATE:
                states.add(name)
            elif fields[1] == VOID:
                if name[0] is None or name[1] is None or name not in states:
                    self.find('void without its state', index)
            elif fields[1] == ANCHOR:
                self.anchors.append((index, fields.get(25, 0),
                                     fields.get(23, bytes(32)),
                                     fields.get(10, b''),
                                     fields.get(13, b'')))

    def zone(self):
        parts = self.origin.split(b'/')
        return parts[1] if len(parts) > 2 else None

    def compare(self, other):
        """Anchors of mine that are about the other log."""
        wanted = {}
        for index, size, root, channel, zone in self.anchors:
            if zone != other.zone() if zone else \
               channel not in other.channels:
                continue
            wanted.setdefault(size, []).append((index, root))
        tree, compared = Tree(), 0
        for step in range(len(other.entries) + 1):
            for index, root in wanted.pop(step, ()):
                compared += 1
                if tree.root() != root:
                    self.find('anchor does not agree', index)
            if step < len(other.entries):
                tree.add(leaf_hash(other.entries[step][1]))
        for anchors in wanted.values():
            for index, _ in anchors:
                compared += 1
                self.find('anchor beyond the other log', index)
        return compared


def verify(path, pub=None, peer=None):
    """Findings of one log, or of two that are each other's peers."""
    log = Log(path, pub)
    log.verify()
    if peer is None:
        return log.findings
    other = Log(peer)
    other.verify()
    if log.is_readable and other.is_readable:
        log.compare(other)
        other.compare(log)
    return log.findings + ['peer: ' + f for f in other.findings]


def main(argv):
    pub = peer = None
    args = argv[1:]
    while args and args[0].startswith('--'):
        if len(args) < 2 or args[0] not in ('--pub', '--peer'):
            print(__doc__, file=sys.stderr)
            return 2
        if args[0] == '--pub':
            pub = bytes.fromhex(args[1])
        else:
            peer = args[1]
        args = args[2:]
    if len(args) != 1 or not os.path.isdir(args[0]):
        print(__doc__, file=sys.stderr)
        return 2
    findings = verify(args[0], pub, peer)
    for finding in findings:
        print(finding)
    print('damaged' if findings else 'sound')
    return 5 if findings else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))
