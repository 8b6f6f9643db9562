"""Trees over heads of chains (RFC 9162, section 2.1): a root stands for all of them, and a proof of a few digests
shows that one was among them.

    leaf = SHA-256(0x00 ‖ data)      node = SHA-256(0x01 ‖ left ‖ right)

The left subtree of n leaves has the largest power of two below n.
"""

import hashlib
from collections.abc import Iterable, Sequence

EMPTY = hashlib.sha256(b"").digest()


def leaf(data: bytes) -> bytes:
    """The digest of one entry."""
    return hashlib.sha256(b"\0" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The digest over two subtrees."""
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """All levels of a tree, made once: a root and any number of proofs cost no more hashing."""

    def __init__(self, entries: Iterable[bytes]) -> None:
        level = [leaf(each) for each in entries]
        self.size = len(level)
        #: From the leaves to the root; the last digest of an odd level goes up as it is.
        self._levels: list[Sequence[bytes]] = [level]
        while len(level) > 1:
            pairs = [node(*level[place : place + 2]) for place in range(0, len(level) - 1, 2)]
            level = pairs + ([level[-1]] if len(level) % 2 else [])
            self._levels.append(level)

    @property
    def root(self) -> bytes:
        """What stands for all entries."""
        return self._levels[-1][0] if self.size else EMPTY

    def proof(self, index: int) -> list[bytes]:
        """The digests beside the way from an entry up to the root, lowest first."""
        path = []
        for level in self._levels[:-1]:
            beside = index ^ 1
            if beside < len(level):
                path.append(level[beside])
            index //= 2
        return path


def root_of(entry: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a proof leads to; None when it is none of that place in a tree of that size (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return None
    digest, last = leaf(entry), size - 1
    for beside in path:
        if last == 0:
            return None
        if index % 2 or index == last:
            digest = node(beside, digest)
            while index % 2 == 0 and index:
                index, last = index // 2, last // 2
        else:
            digest = node(digest, beside)
        index, last = index // 2, last // 2
    return digest if last == 0 else None
