"""What a file is, by its name and by its bytes, and whether it may come in.

Three answers are kept apart: what is refused everywhere (programs, scripts, active pages), what contradicts
its own name (a picture called `.pdf`), and what a browser may show in a page.
"""

import re
from collections.abc import Sequence
from typing import Final

import filetype  # type: ignore[import-untyped] # has no types

from parvis_documents.domain import RefusalError, extension

#: Bytes from the start of a file that `sniff` looks at.
HEAD: Final = 16 * 1024
UNKNOWN: Final = "application/octet-stream"

_OOXML: Final = "application/vnd.openxmlformats-officedocument."
_ODF: Final = "application/vnd.oasis.opendocument."
#: Extension → media type, for what offices exchange. Ours, because the tables of operating systems differ.
BY_EXTENSION: Final = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "bmp": "image/bmp",
    "heic": "image/heic",
    "txt": "text/plain",
    "csv": "text/csv",
    "xml": "application/xml",
    "json": "application/json",
    "rtf": "application/rtf",
    "zip": "application/zip",
    "7z": "application/x-7z-compressed",
    "doc": "application/msword",
    "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
    "msg": "application/vnd.ms-outlook",
    "eml": "message/rfc822",
    "docx": f"{_OOXML}wordprocessingml.document",
    "xlsx": f"{_OOXML}spreadsheetml.sheet",
    "pptx": f"{_OOXML}presentationml.presentation",
    "xlsm": "application/vnd.ms-excel.sheet.macroenabled.12",
    "docm": "application/vnd.ms-word.document.macroenabled.12",
    "odt": f"{_ODF}text",
    "ods": f"{_ODF}spreadsheet",
    "odp": f"{_ODF}presentation",
    "mp4": "video/mp4",
    "mp3": "audio/mpeg",
}

#: May be shown in a page, and the type it is then served with.
INLINE: Final = {
    "application/pdf": "application/pdf",
    "image/png": "image/png",
    "image/jpeg": "image/jpeg",
    "image/webp": "image/webp",
    "text/plain": "text/plain; charset=utf-8",
}

#: Programs, scripts and active pages, by extension. Refused in every folder.
REFUSED_EXTENSIONS: Final = frozenset(
    re.findall(
        r"\w+",
        "exe com scr pif cpl msi msp mst dll sys drv ocx bat cmd ps1 psm1 vbs vbe vb js jse mjs ws wsf wsh hta"
        " lnk url reg inf scf gadget jar class apk app dmg pkg deb rpm appimage run bin elf so dylib sh bash zsh"
        " csh ksh fish py pyc pyw pl rb php phtml asp aspx jsp cgi htm html xhtml xht shtml mht mhtml svg svgz"
        " swf xll iso img vhd vhdx",
    )
)
_REFUSED_TYPES: Final = frozenset(
    {
        "text/html",
        "application/xhtml+xml",
        "image/svg+xml",
        "text/javascript",
        "application/javascript",
        "application/x-msdownload",
        "application/x-msdos-program",
        "application/x-executable",
        "application/x-sh",
        "application/java-archive",
        "application/vnd.android.package-archive",
        "application/x-shockwave-flash",
    }
)
#: First bytes of programs that no text has: ELF, Mach-O (four kinds), Java class or fat Mach-O, WebAssembly,
#: Windows shortcut.
_PROGRAMS: Final = (
    b"\x7fELF",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"\0asm",
    b"L\0\0\0\x01\x14\x02\0",
)
#: Those that a text may start with by chance: DOS and Windows, Android DEX, compiled help, Flash.
_PROGRAMS_UNLESS_TEXT: Final = (b"MZ", b"dex\n", b"ITSF", b"FWS", b"CWS", b"ZWS")
#: Markup that a browser would run.
_ACTIVE: Final = re.compile(rb"<(?:!doctype html|html|svg|script|iframe|body|head|object|embed|hta:|\?php)\b")
#: In XML only as the root or by its namespace: business formats have elements called `body` too.
_PROLOG: Final = rb"\s*(?:<!--.*?-->\s*|<!doctype[^>\[]*(?:\[[^\]]*\])?>\s*|<\?[^>]*>\s*)*"
_ACTIVE_XML: Final = re.compile(
    rb"\A" + _PROLOG + rb"<(?:\w+:)?(?:html|svg|script)\b|www\.w3\.org/(?:1999/xhtml|2000/svg)", re.DOTALL
)
_BYTE_ORDER_MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: What an archive contains that is a program under another name (JAR, APK).
_ARCHIVED_PROGRAMS: Final = (b"META-INF/MANIFEST.MF", b"AndroidManifest.xml", b"classes.dex")


def announced_type(name: str, announced: str) -> str:
    """The media type expected of a file called `name` whose sender says that it is `announced` (may be "").

    The extension decides where it is known: browsers take the type from the operating system's settings and
    are often wrong (CSV as Excel). Raises RefusalError type_refused.
    """
    ending = extension(name)
    given = announced.partition(";")[0].strip().lower()
    if ending in REFUSED_EXTENSIONS or given in _REFUSED_TYPES:
        raise RefusalError("type_refused", type=ending or given)
    return BY_EXTENSION.get(ending) or given or UNKNOWN


def sniff(head: bytes, expected: str) -> str:
    """The media type of a file that starts with `head` and is expected to be `expected` (`announced_type`).

    Raises RefusalError type_refused (a program, a script, an active page, whatever its name), type_differs
    (the bytes are something else than what was announced).
    """
    text = _is_text(head)
    _refuse_active(head, text=text)
    if text and _is_text_type(expected) and not head.startswith(b"%PDF-"):
        return expected
    found = _signature(head)
    if found is not None:
        return _agree(found, expected)
    if expected in _SIGNED or (_is_text_type(expected) and not text):
        raise RefusalError("type_differs", announced=expected, found="text/plain" if text else UNKNOWN)
    return expected


def _refuse_active(head: bytes, *, text: bool) -> None:
    if head.startswith((*_PROGRAMS, b"#!")) or (not text and head.startswith(_PROGRAMS_UNLESS_TEXT)):
        raise RefusalError("type_refused", type="program")
    if head.startswith(_ZIP) and any(mark in head for mark in _ARCHIVED_PROGRAMS):
        raise RefusalError("type_refused", type="program")
    markup = _start_of_text(head)
    if markup.startswith(b"<"):
        active = _ACTIVE_XML if markup.startswith(b"<?xml") else _ACTIVE
        if active.search(markup):
            raise RefusalError("type_refused", type="active_page")


def _start_of_text(head: bytes) -> bytes:
    """The start in lower-case ASCII, whatever the encoding, without blanks before it."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return head[len(mark) :].decode(encoding, "replace").encode("ascii", "replace").lower().lstrip()
    stripped = head.lstrip(b" \t\r\n\f\0")
    if stripped[1:2] == b"\0":
        stripped = stripped.replace(b"\0", b"")  # UTF-16 without a mark
    return stripped.lower()


def _signature(head: bytes) -> str | None:
    """The media type that the first bytes prove, or None when they prove nothing."""
    if head.startswith(b"%PDF-") or b"%PDF-" in head[:1024]:
        # ISO 32000-1, annex H: readers accept a short preamble
        return "application/pdf"
    kind = filetype.guess(head)
    if kind is not None:
        return str(kind.mime)
    if head.startswith(_ZIP):
        return "application/zip"
    return "application/x-ole-storage" if head.startswith(_OLE) else None


_ZIPPED: Final = frozenset(
    BY_EXTENSION[e] for e in ("zip", "docx", "xlsx", "pptx", "xlsm", "docm", "odt", "ods", "odp")
)
_OLE_TYPES: Final = frozenset([*(BY_EXTENSION[e] for e in ("doc", "xls", "ppt", "msg")), "application/x-ole-storage"])
#: Types whose files always start with a known signature: without it, the file is not what it says.
_SIGNED: Final = (
    frozenset(BY_EXTENSION[e] for e in ("pdf", "png", "jpg", "webp", "gif", "tif", "bmp", "heic", "7z"))
    | _ZIPPED
    | _OLE_TYPES
)


def _agree(found: str, expected: str) -> str:
    """The type to keep when the bytes prove `found` and the name says `expected`."""
    if expected in {UNKNOWN, found}:
        return found
    if found in _OLE_TYPES and expected in _OLE_TYPES:
        return expected
    if found in _ZIPPED and expected in _ZIPPED:
        # A detector that reads the first members only often says "zip": then the name decides.
        if found == "application/zip" or expected == "application/zip" or "macroenabled" in expected:
            return expected
        raise RefusalError("type_differs", announced=expected, found=found)
    if expected in _SIGNED or found in _SIGNED:
        raise RefusalError("type_differs", announced=expected, found=found)
    return expected  # neither is sure of itself: served as an attachment anyway


def _is_text_type(media_type: str) -> bool:
    return media_type.startswith("text/") or media_type in {"application/xml", "application/json"}


def _is_text(head: bytes) -> bool:
    """Whether this reads as text: a byte order mark, or no NUL and hardly any control character."""
    if head.startswith(tuple(mark for mark, _ in _BYTE_ORDER_MARKS)):
        return True
    controls = sum(byte < 0x20 and byte not in b"\t\r\n\f\x1b\x1a" for byte in head)  # noqa: PLR2004 - C0
    return b"\0" not in head and controls * 100 <= len(head)


def check_folder(media_type: str, accepted: Sequence[str]) -> None:
    """Whether a folder takes this type; an empty list takes all. Raises RefusalError type_refused."""
    if accepted and media_type not in accepted:
        raise RefusalError("type_refused", type=media_type, accepted=", ".join(accepted))
