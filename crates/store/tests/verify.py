#!/usr/bin/env python3
"""Verifies an exported evidence log with nothing but Python's own library.

    verify.py FOLDER VERIFIER-KEY [OLDER-CHECKPOINT-FILE]

Written against the formats (RFC 6962, RFC 8032, c2sp.org/signed-note,
/tlog-checkpoint, /tlog-tiles) and not against the Rust code: the tests hold the
two against each other. Prints one line of JSON; ends with 0, or 2 when
something is wrong.
"""
import base64, hashlib, json, os, sys

# --- Ed25519 (RFC 8032, section 5.1), verification only ----------------------
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def recover_x(y, sign):
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P:
        return None
    return P - x if x & 1 != sign else x


def point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def add(a, b):
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(number, p):
    result = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = add(result, p)
        p, number = add(p, p), number >> 1
    return result


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519_verify(key, message, signature):
    a, r = point(key), point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or a is None or r is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    left, right = times(s, BASE), add(r, times(k, a))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


# --- Signed notes and checkpoints --------------------------------------------
def read_checkpoint(data, vkey):
    name, key_id, key = vkey.strip().split("+", 2)
    key = base64.b64decode(key)
    want_id = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    if key[0] != 1 or want_id.hex() != key_id:
        raise ValueError("verifier key")
    head, _, signatures = data.rpartition(b"\n\n")
    message = head + b"\n"
    for line in signatures.decode().splitlines():
        dash, signer, signature = line.split(" ")
        signature = base64.b64decode(signature)
        if dash == "\u2014" and signer == name and signature[:4] == want_id:
            if ed25519_verify(key[1:], message, signature[4:]):
                origin, size, root = message.decode().split("\n")[:3]
                return int(size), base64.b64decode(root)
    raise ValueError("signature")


# --- RFC 6962 ----------------------------------------------------------------
def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    def __init__(self):
        self.size, self.peaks = 0, []

    def push(self, value):
        self.peaks.append(value)
        self.size += 1
        size = self.size
        while size % 2 == 0:
            right = self.peaks.pop()
            self.peaks.append(node(self.peaks.pop(), right))
            size //= 2

    def root(self):
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        result = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            result = node(peak, result)
        return result


def tile_path(kind, number, width):
    parts = ["%03d" % (number % 1000)]
    while number >= 1000:
        number //= 1000
        parts.insert(0, "x%03d" % (number % 1000))
    return "tile/%s/%s%s" % (kind, "/".join(parts), "" if width == 256 else ".p/%d" % width)


def widths(size):
    return [(n, min(256, size - n * 256)) for n in range((size + 255) // 256)]


def read(folder, name):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


def tile_tree(folder, kind, level_size, expected):
    """Whether all tiles of a level hold the expected hashes."""
    for number, width in widths(level_size):
        try:
            if read(folder, tile_path(kind, number, width)) != b"".join(expected[number * 256 : number * 256 + width]):
                return False
        except OSError:
            return False
    return True


def verify(folder, vkey, older):
    codes, bad, texts, withheld = set(), [], 0, 0
    try:
        size, root = read_checkpoint(read(folder, "checkpoint"), vkey)
    except (OSError, ValueError, IndexError):
        return {"good": False, "size": 0, "first_bad": None, "last_good": 0, "codes": ["E-EVIDENCE-SIGNATURE"], "texts": 0, "withheld": 0}
    notes, kept = [(size, root)], None
    directory = os.path.join(folder, "checkpoints")
    for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
        try:
            note = read_checkpoint(read(directory, name), vkey)
            if note[0] <= size:
                notes.append(note)
        except (OSError, ValueError, IndexError):
            codes.add("E-EVIDENCE-SIGNATURE")
    if older:
        try:
            kept = read_checkpoint(read(".", older), vkey)
            notes.append(kept)
        except (OSError, ValueError, IndexError):
            codes.add("E-EVIDENCE-SIGNATURE")

    leaves, surplus, missing, commitments, hashes = [], False, None, {}, []
    for number, width in widths(size):
        try:
            data = read(folder, tile_path("entries", number, width))
        except OSError:
            codes.add("E-EVIDENCE-ENTRIES")
            data = b""
        bundle, at = [], 0
        while at + 2 <= len(data):
            end = at + 2 + int.from_bytes(data[at : at + 2], "big")
            if end > len(data):
                break
            bundle.append(data[at + 2 : end])
            at = end
        surplus |= len(bundle) > width or (len(bundle) == width and at != len(data))
        leaves += bundle[:width]
        if len(bundle) < width:
            missing = len(leaves)
            break
    tree, last_good, disputed = Tree(), 0, False
    for position, leaf in enumerate(leaves):
        hashes.append(hashlib.sha256(b"\0" + leaf).digest())
        tree.push(hashes[-1])
        here = [note for note in notes if note[0] == tree.size]
        if any(note[1] != tree.root() for note in here):
            disputed = True
        elif here and not disputed:
            last_good = tree.size
        try:
            for field, value in json.loads(leaf)["commitments"].items():
                commitments[position, field] = value
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
    whole = missing is None and tree.root() == root

    lowest, tiles = [], Tree()
    for number, width in widths(size):
        try:
            data = read(folder, tile_path("0", number, width))
            lowest += [data[at : at + 32] for at in range(0, width * 32, 32)] if len(data) == width * 32 else []
        except OSError:
            pass
    for value in lowest:
        tiles.push(value)
    vouched = tiles.size == size and tiles.root() == root

    if missing is not None:
        codes.add("E-EVIDENCE-TRUNCATED")
        bad.append(missing)
    if surplus:
        codes.add("E-EVIDENCE-ENTRIES")
        bad.append(size)
    if not whole:
        codes.add("E-EVIDENCE-ROOT")
        differing = [at for at, (mine, theirs) in enumerate(zip(hashes, lowest)) if mine != theirs]
        bad.append(differing[0] if vouched and differing else missing if vouched and missing is not None else last_good)
    else:
        level, row = 0, hashes
        while row:
            if not tile_tree(folder, str(level), len(row), row):
                codes.add("E-EVIDENCE-TILE")
            above = []
            for start in range(0, len(row) - 255, 256):
                subtree = Tree()
                for value in row[start : start + 256]:
                    subtree.push(value)
                above.append(subtree.root())
            level, row = level + 1, above
    if kept and kept[0] > size:
        codes.add("E-EVIDENCE-REWRITTEN")
        bad.append(size)
    if disputed and whole:
        codes.add("E-EVIDENCE-REWRITTEN")
        bad.append(last_good)

    directory = os.path.join(folder, "texts")
    for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
        if missing is not None and int(name.split(".")[0]) >= missing // 256:
            continue
        for line in read(directory, name).decode().splitlines():
            try:
                text = json.loads(line)
                key = (text["position"], text["field"])
                commitment = hashlib.sha256(bytes.fromhex(text["salt"]) + text["content"].encode()).hexdigest()
            except (ValueError, KeyError, TypeError):
                codes.add("E-EVIDENCE-TEXT")
                continue
            if commitments.pop(key, None) == commitment:
                texts += 1
            else:
                codes.add("E-EVIDENCE-TEXT")
                bad.append(key[0])
    withheld = sum(1 for position, _ in commitments if missing is None or position // 256 < missing // 256)
    return {"good": not codes, "size": size, "first_bad": min(bad, default=None), "last_good": last_good, "codes": sorted(codes), "texts": texts, "withheld": withheld}


if __name__ == "__main__":
    verdict = verify(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)
    print(json.dumps(verdict, sort_keys=True))
    sys.exit(0 if verdict["good"] else 2)
