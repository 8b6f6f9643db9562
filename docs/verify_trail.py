#!/usr/bin/env python3
"""Verifies an exported audit trail without the portal.

    python verify_trail.py trail.jsonl [--key HEX …]

It recomputes every chain and every anchor of the file, and says what does not fit. Give the operator's public keys with
--key; without, it shows whose signatures the file relies on. Needs Python 3.9 and the package cryptography; the file is
described in docs/adr/0026-anchors.md.
"""

import argparse
import hashlib
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

NOTHING = "00" * 32


def sha(data):
    return hashlib.sha256(data).digest()


def root_of(leaf, index, size, path):
    """The root that a proof leads to (RFC 9162, section 2.1.3.2), or None."""
    if not 0 <= index < size:
        return None
    digest, last = sha(b"\0" + leaf), size - 1
    for beside in path:
        if last == 0:
            return None
        left = index % 2 or index == last
        digest = sha(b"\1" + (beside + digest if left else digest + beside))
        while left and index and index % 2 == 0:
            index, last = index // 2, last // 2
        index, last = index // 2, last // 2
    return digest if last == 0 else None


class Trail:
    """One file, line by line; `problems` says what is wrong with it."""

    def __init__(self, keys=()):
        self.problems, self.keys = [], []
        self.wrong = self.problems.append
        self.organisation, self.ended = "", False
        self.number, self.previous, self.day, self.trusted = 0, NOTHING, "", set(keys)
        self.heads = {}  # service -> number of an act -> (digest, day of the anchor)
        self.ends = {}  # service -> (number of the last act, its digest)
        self.entries = self.anchors = self.erased = 0

    def read(self, line):
        kind = "one behind the end" if self.ended else line.get("kind")
        if kind == "trail":
            self.organisation = line["organisation"]["id"]
        elif kind in ("anchor", "entry"):
            getattr(self, kind)(line)
        elif kind == "end":
            self.ended = True
            if (line["entries"], line["anchors"]) != (self.entries, self.anchors):
                self.wrong("the end counts other acts or anchors than there are")
        else:
            self.wrong(f"a line of an unknown kind: {kind!r}")

    def anchor(self, line):
        self.anchors += 1
        text = line["statement"].encode()
        said = json.loads(text)
        day, keys, path_of = said["day"], said["keys"], lambda head: [bytes.fromhex(each) for each in head["path"]]
        if said["number"] != self.number + 1:
            self.wrong(f"anchor {said['number']} of {day} does not follow anchor {self.number}")
        elif said["previous"] != self.previous:
            self.wrong(f"anchor {said['number']} of {day} was not made after the one before it")
        self.number, self.previous, self.day = said["number"], sha(text).hex(), day
        try:
            for place, key in enumerate(keys):
                signature = bytes.fromhex(line["signatures"][place])
                Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, text)
        except (InvalidSignature, ValueError, IndexError):
            self.wrong(f"the signature of the anchor of {day} is forged")
            return
        if not keys or (self.trusted and not self.trusted & set(keys)):
            self.wrong(f"the anchor of {day} is signed by a key that nobody vouched for")
            return
        self.trusted, self.keys = self.trusted | set(keys), keys
        for head in line["heads"]:
            leaf = f"{head['service']}\n{self.organisation}\n{head['seq']}\n{head['digest']}".encode()
            if root_of(leaf, head["index"], said["leaves"], path_of(head)) != bytes.fromhex(said["root"]):
                self.wrong(f"{head['service']}: the head of {day} is not the one that was anchored")
            else:
                self.heads.setdefault(head["service"], {})[head["seq"]] = head["digest"], day

    def entry(self, line):
        self.entries += 1
        service, seq, content = line["service"], line["seq"], json.loads(line["content"])
        last, previous = self.ends.get(service, (0, NOTHING))
        what = f"{service}: act {seq}"
        if seq > last + 1:
            self.wrong(f"{service}: act {last + 1} is missing" + (f", up to {seq - 1}" if seq > last + 2 else ""))
        elif seq <= last:
            self.wrong(f"{what} stands behind act {last}")
        elif line["previous"] != previous:
            self.wrong(f"{what} does not follow the act before it")
        if (content["organisation_id"], content["service"]) != (self.organisation, service):
            self.wrong(f"{what} belongs to another trail")
        if line["salt"] is None and content["details"] is None:
            self.erased += 1  # its digest still holds the chain together
        elif sha(bytes.fromhex(line["salt"] or "") + line["content"].encode()).hex() != line["content_digest"]:
            self.wrong(f"{what} was changed")
        made = sha(bytes.fromhex(line["previous"]) + seq.to_bytes(8, "big") + bytes.fromhex(line["content_digest"]))
        if made.hex() != line["digest"]:
            self.wrong(f"{what}: its digest was changed")
        digest, day = self.heads.get(service, {}).pop(seq, (line["digest"], ""))
        if digest != line["digest"]:
            self.wrong(f"{what} is not the one that was anchored on {day}")
        self.ends[service] = seq, line["digest"]

    def finish(self):
        for service, heads in self.heads.items():
            for seq, (_, day) in heads.items():
                self.wrong(f"{service}: act {seq}, which was anchored on {day}, is not there")
        if not self.ended:
            self.wrong("the file ends too early")
        return self.problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=argparse.FileType(encoding="utf-8"))
    parser.add_argument("--key", action="append", default=[], help="a public key of the operator, in hexadecimal")
    options = parser.parse_args()
    trail = Trail(options.key)
    try:
        for line in options.file:
            trail.read(json.loads(line))
    except (ValueError, KeyError, TypeError) as error:
        trail.wrong(f"a line cannot be read: {error!r}")
    for problem in trail.finish():
        print(f"NOT AS IT WAS: {problem}")
    print(f"{trail.entries} acts of organisation {trail.organisation}, {trail.erased} of them erased since;")
    print(
        f"{trail.anchors} anchors, the last of {trail.day or 'no day'}, signed by {', '.join(trail.keys) or 'nobody'}."
    )
    return 1 if trail.problems else 0


if __name__ == "__main__":
    sys.exit(main())
