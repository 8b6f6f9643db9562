"""SAML 2.0 (OASIS, March 2005) as a service provider reads it: names, what is accepted, and the rules of times, names
of people and strength of a sign-in. Nothing here reads XML.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from parvis_identity.domain.identifiers import is_mail

ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
METADATA = "urn:oasis:names:tc:SAML:2.0:metadata"
SIGNATURE = "http://www.w3.org/2000/09/xmldsig#"
SIGNATURE_11 = "http://www.w3.org/2009/xmldsig11#"
ENCRYPTION = "http://www.w3.org/2001/04/xmlenc#"
ENCRYPTION_11 = "http://www.w3.org/2009/xmlenc11#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{SIGNATURE}enveloped-signature"

POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
PARTIAL_LOGOUT = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
MAIL_ADDRESS = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"

#: How far two clocks may be apart.
SKEW = timedelta(seconds=60)
#: A message is refused that says it was made longer ago: nobody needs as long to come back from a sign-in page.
OLDEST_MESSAGE = timedelta(minutes=10)

#: What a signature may be made with: SHA-256 and better (RFC 9231). No HMAC: whoever knows the public key could make
#: it.
RSA_SIGNATURES: Mapping[str, str] = {
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256": "sha256",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384": "sha384",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512": "sha512",
}
PSS_SIGNATURES: Mapping[str, str] = {
    "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1": "sha256",
    "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1": "sha384",
    "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1": "sha512",
}
EC_SIGNATURES: Mapping[str, str] = {
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256": "sha256",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384": "sha384",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512": "sha512",
}
SIGNATURES = frozenset((*RSA_SIGNATURES, *PSS_SIGNATURES, *EC_SIGNATURES))
DIGESTS = frozenset(
    {
        "http://www.w3.org/2001/04/xmlenc#sha256",
        "http://www.w3.org/2001/04/xmldsig-more#sha384",
        "http://www.w3.org/2001/04/xmlenc#sha512",
    }
)
#: Content encryption that authenticates what it hides (XML Encryption 1.1, 5.2.4), with the bytes of its key.
GCM: Mapping[str, int] = {
    f"{ENCRYPTION_11}aes128-gcm": 16,
    f"{ENCRYPTION_11}aes192-gcm": 24,
    f"{ENCRYPTION_11}aes256-gcm": 32,
}
#: Content encryption that does not: only where a firm's provider has nothing else, and only below a signature.
CBC: Mapping[str, int] = {f"{ENCRYPTION}aes128-cbc": 16, f"{ENCRYPTION}aes192-cbc": 24, f"{ENCRYPTION}aes256-cbc": 32}
#: Transport of that key. RSA 1.5 is not among them: it is open to Bleichenbacher's attack.
OAEP_MGF1 = f"{ENCRYPTION}rsa-oaep-mgf1p"
OAEP = f"{ENCRYPTION_11}rsa-oaep"

#: AuthnContext classes that say that there were two factors (REFEDS MFA profile; Microsoft; SAML authn context).
MULTI_FACTOR = frozenset(
    {
        "https://refeds.org/profile/mfa",
        "http://schemas.microsoft.com/claims/multipleauthn",
        "urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorContract",
        "urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorUnregistered",
        "urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken",
    }
)
#: The attribute in which Microsoft's providers name the ways of a sign-in (RFC 8176's `amr`, as addresses).
METHODS = "http://schemas.microsoft.com/claims/authnmethodsreferences"

#: The usual names of what is read about a person, the best first: Entra ID and AD FS, then eduPerson and inetOrgPerson
#: (RFC 2798, as OIDs), then what people choose by hand.
_XMLSOAP = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
_MICROSOFT = "http://schemas.microsoft.com"
USUAL: Mapping[str, Sequence[str]] = {
    "mail": (f"{_XMLSOAP}/emailaddress", "urn:oid:0.9.2342.19200300.100.1.3", "email", "mail", "emailAddress"),
    "user_name": (
        f"{_XMLSOAP}/name",
        f"{_XMLSOAP}/upn",
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.6",  # eduPersonPrincipalName
        "urn:oid:0.9.2342.19200300.100.1.1",  # uid
        "username",
        "userName",
        "uid",
    ),
    "given_name": (f"{_XMLSOAP}/givenname", "urn:oid:2.5.4.42", "givenName", "firstName", "given_name"),
    "family_name": (f"{_XMLSOAP}/surname", "urn:oid:2.5.4.4", "sn", "surname", "lastName", "family_name"),
    "groups": (
        f"{_MICROSOFT}/ws/2008/06/identity/claims/groups",
        "http://schemas.xmlsoap.org/claims/Group",
        "urn:oid:1.3.6.1.4.1.5923.1.5.1.1",  # isMemberOf
        "groups",
        "memberOf",
        "isMemberOf",
    ),
}

#: `xs:dateTime` in UTC (SAML core, 1.3.3); fractions beyond microseconds are cut.
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?(?:Z|\+00:00)")
_DURATION = re.compile(r"P(?:(\d{1,4})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})(?:\.\d+)?S)?)?")


@dataclass(frozen=True, slots=True)
class NameId:
    """How a provider calls somebody. The qualifiers are part of a persistent name (SAML core, 8.3.7)."""

    value: str
    format: str = UNSPECIFIED
    name_qualifier: str = ""
    sp_name_qualifier: str = ""

    def kept(self) -> str:
        """As one text, the name in the first line."""
        return f"{self.value}\n{self.format}\n{self.name_qualifier}\n{self.sp_name_qualifier}"

    @classmethod
    def of(cls, kept: str) -> "NameId":
        """What `kept` made."""
        return cls(*kept.split("\n"))


def instant(text: str | None) -> datetime:
    """A moment as SAML writes it. Raises ValueError."""
    found = _INSTANT.fullmatch(text or "")
    if found is None:
        raise ValueError("not a time in UTC")
    whole, fraction = found.groups()
    return datetime.fromisoformat(f"{whole}.{(fraction or '0').ljust(6, '0')}+00:00")


def written(moment: datetime) -> str:
    """A moment as SAML writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def duration(text: str | None) -> timedelta | None:
    """An `xs:duration` of days at most; None when there is none that can be read."""
    found = _DURATION.fullmatch(text or "")
    if found is None or not any(found.groups()):
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def attribute(claims: Mapping[str, Sequence[str]], chosen: str, what: str) -> tuple[str, ...]:
    """The values of what is read about a person: of the attribute that the firm chose, else of the first usual one."""
    names = (chosen,) if chosen else USUAL[what]
    for name in names:
        if values := tuple(claims.get(name, ())):
            return values
    return ()


def methods(context: str, claims: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], bool]:
    """How somebody signed in, in the words of RFC 8176 as far as there are any, and whether with two factors."""
    said = {context, *claims.get(METHODS, ())}
    multi_factor = bool(said & MULTI_FACTOR)
    found = [name for ending, name in _METHODS.items() if any(each.endswith(ending) for each in said)]
    return (*dict.fromkeys(found), *(("mfa",) if multi_factor else ())), multi_factor


_METHODS: Mapping[str, str] = {
    ":classes:Password": "pwd",
    ":classes:PasswordProtectedTransport": "pwd",
    "/authenticationmethod/password": "pwd",
    ":classes:X509": "hwk",
    ":classes:TLSClient": "hwk",
    ":classes:Smartcard": "sc",
    ":classes:SmartcardPKI": "sc",
    ":classes:TimeSyncToken": "otp",
    "/authenticationmethod/windows": "wia",
}


def problem_of_name(name: NameId) -> str:
    """Why somebody cannot be known by a name for good; empty when they can. Addresses pass from one person to another,
    whatever the provider calls them, and a transient name is another one each time.
    """
    if name.format == TRANSIENT:
        return "name_id_transient"
    if name.format == MAIL_ADDRESS or is_mail(name.value):
        return "name_id_is_mail"
    return ""
