"""Pure rules of documents: file names, plans of parts, the folders that ship. Standard library only."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

MEBIBYTE: Final = 1 << 20
GIBIBYTE: Final = 1 << 30
#: Uploads that one membership may have under way, and bytes that it may have announced with them.
MOST_UNDER_WAY: Final = 20
MOST_ANNOUNCED: Final = 20 * GIBIBYTE
#: Bytes of a part unless the file is so large that there would be too many of them.
PART_SIZE: Final = 8 * MEBIBYTE
#: Bytes of a part of a large file; larger ones would outlast the proxy's 60 s on a slow line.
LARGE_PART_SIZE: Final = 16 * MEBIBYTE
#: S3: every part but the last has at least 5 MiB, and there are at most 10,000.
SMALLEST_PART: Final = 5 * MEBIBYTE
MOST_PARTS: Final = 10_000
#: Above this number of parts, parts are large: an answer with all addresses stays well under gRPC's 4 MiB.
MANY_PARTS: Final = 1_000
LONGEST_NAME: Final = 255


class RefusalError(ValueError):
    """Something given by a person cannot be accepted: a stable reason and the values of its sentence."""

    def __init__(self, reason: str, **params: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.params = params


class UploadState(StrEnum):
    """States of an upload; the last three are final."""

    SENDING = "sending"
    VERIFYING = "verifying"
    FILED = "filed"
    REFUSED = "refused"
    ABORTED = "aborted"


class Audience(StrEnum):
    """Kinds of contact; a folder template belongs to one."""

    CLIENT = "client"
    EMPLOYEE = "employee"
    SUPPLIER = "supplier"


class SignatureSide(StrEnum):
    """Which side of a document a signature is placed on (S4)."""

    NONE = ""
    LEFT = "left"
    RIGHT = "right"


class NotifyTo(StrEnum):
    """Which address of the contact's record a notification goes to (S4)."""

    MAIN = "main"
    QUOTES = "quotes"
    BILLING = "billing"
    REMINDERS = "reminders"


class LinkTarget(StrEnum):
    """Where the link of a notification leads (S4)."""

    HOME = "home"
    DOCUMENT = "document"
    QUOTES = "quotes"
    INVOICES = "invoices"
    PAYSLIPS = "payslips"


def file_name(raw: str) -> str:
    """`raw` as it is kept: composed (NFC), without blanks around it, accents kept; at most 255 bytes.

    Raises RefusalError name_missing, name_has_control_character (also those that turn the direction of
    writing and so hide an extension), name_has_separator, name_too_long.
    """
    name = unicodedata.normalize("NFC", raw)
    if any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in name):
        raise RefusalError("name_has_control_character")
    if "/" in name or "\\" in name:
        raise RefusalError("name_has_separator")
    name = name.strip()
    if not name.strip(". "):
        raise RefusalError("name_missing")
    if len(name.encode()) > LONGEST_NAME:
        raise RefusalError("name_too_long", limit=str(LONGEST_NAME))
    return name


def extension(name: str) -> str:
    """The last extension in lower case without its dot; "" when there is none or nothing stands before it."""
    stem, dot, last = name.rpartition(".")
    return last.lower().strip() if dot and stem else ""


def part_size_for(size: int) -> int:
    """Bytes of each part but the last, for a file of `size` bytes."""
    return PART_SIZE if size <= PART_SIZE * MANY_PARTS else LARGE_PART_SIZE


def part_plan(size: int, part_size: int) -> list[int]:
    """Bytes of each part of a file of `size` ≥ 1 bytes: `part_size`, and what remains for the last."""
    whole, rest = divmod(size, part_size)
    return [part_size] * whole + ([rest] if rest else [])


def sha256_of(text: str) -> str:
    """A SHA-256 in hexadecimal as it is kept (lower case); "" for none. Raises RefusalError not_a_sha256."""
    digest = text.strip().lower()
    if digest and (len(digest) != 64 or not set(digest) <= set("0123456789abcdef")):  # noqa: PLR2004 - 256 bits
        raise RefusalError("not_a_sha256")
    return digest


def compare_parts(plan: Sequence[int], found: Mapping[int, int]) -> None:
    """Compares the parts in the store (number from 1 → bytes) with the plan (bytes of each).

    Raises RefusalError parts_missing (parts="2,5") or size_differs (announced, found: bytes).
    """
    if missing := [str(number) for number in range(1, len(plan) + 1) if number not in found]:
        raise RefusalError("parts_missing", parts=",".join(missing[:50]), count=str(len(missing)))
    if len(found) != len(plan) or any(found[number] != size for number, size in enumerate(plan, start=1)):
        raise RefusalError("size_differs", announced=str(sum(plan)), found=str(sum(found.values())))


def object_prefixes(organisation_id: UUID) -> tuple[str, str]:
    """What the keys of all objects of an organisation begin with: its versions, and what forms posted."""
    return f"organisations/{organisation_id}/", f"incoming/{organisation_id}/"


def object_key(organisation_id: UUID, name: UUID) -> str:
    """Where the bytes of a version are kept. `name` is random (UUIDv4) and never used again."""
    return f"{object_prefixes(organisation_id)[0]}{name}"


def incoming_prefix(organisation_id: UUID, upload_id: UUID) -> str:
    """Where a form posts its file; the file's own name follows."""
    return f"{object_prefixes(organisation_id)[1]}{upload_id}/"


@dataclass(frozen=True)
class Shipped:
    """A folder template that every organisation starts with (S3)."""

    audience: Audience
    built_in: str
    name: str
    portal: bool = True
    notification: bool = True
    notify_to: NotifyTo = NotifyTo.MAIN
    link_to: LinkTarget = LinkTarget.DOCUMENT
    signature: SignatureSide = SignatureSide.NONE
    deposits: bool = False


#: First part of a template's path, which the firm's software knows (S21).
PATHS: Final = {Audience.CLIENT: "CLIENTS", Audience.EMPLOYEE: "SALARIES", Audience.SUPPLIER: "FOURNISSEURS"}

_C, _E, _S = Audience.CLIENT, Audience.EMPLOYEE, Audience.SUPPLIER
_DEPOSITS: Final = "Pièces à nous transmettre"
#: In their order. French, as the firms are; each firm renames them as it likes.
SHIPPED: Final = (
    Shipped(_C, "contracts_to_sign", "Contrats à signer", signature=SignatureSide.RIGHT),
    Shipped(_C, "quotes_to_sign", "Devis à signer", signature=SignatureSide.RIGHT, notify_to=NotifyTo.QUOTES),
    Shipped(_C, "contracts", "Contrats"),
    Shipped(_C, "quotes", "Devis", notify_to=NotifyTo.QUOTES),
    Shipped(_C, "invoices", "Factures", notify_to=NotifyTo.BILLING),
    Shipped(_C, "deposits", _DEPOSITS, notification=False, link_to=LinkTarget.HOME, deposits=True),
    Shipped(_E, "contracts_to_sign", "Contrats et avenants à signer", signature=SignatureSide.RIGHT),
    Shipped(_E, "amendments", "Avenants"),
    Shipped(_E, "payslips", "Bulletins de paie"),
    Shipped(_E, "contracts", "Contrats"),
    Shipped(_E, "time_sheets", "Relevés d'heures", notification=False, link_to=LinkTarget.HOME, deposits=True),
    Shipped(_E, "deposits", _DEPOSITS, notification=False, link_to=LinkTarget.HOME, deposits=True),
    Shipped(_S, "contracts", "Contrats"),
    Shipped(_S, "orders", "Commandes"),
    Shipped(_S, "invoices", "Factures", portal=False, notification=False, link_to=LinkTarget.HOME),
    Shipped(_S, "deposits", _DEPOSITS, notification=False, link_to=LinkTarget.HOME, deposits=True),
)
