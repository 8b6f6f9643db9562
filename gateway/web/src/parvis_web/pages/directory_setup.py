"""Connecting a directory: what is pasted at its side, what comes from there, which of its claims are read."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from starlette.responses import Response

from parvis.identity.v1 import providers_pb2 as pb
from parvis_kit.errors import ServiceError
from parvis_ui.forms import Errors
from parvis_web.access import Area
from parvis_web.directory_guides import VALUES, Guide, Value
from parvis_web.pages.contacts import whole
from parvis_web.pages.directories import MANAGE, ONE, directory_of, guide_of, here_of, steps
from parvis_web.sentences import N_
from parvis_web.visit import OrganisationVisit

#: Bytes of a file of metadata; identity refuses what is larger than it reads at an address.
LARGEST_METADATA = 2 * 1024 * 1024

pages = Area(
    "directory_setup",
    entry="settings.sign_in.directories",
    sentences={
        "provider_not_reached": N_(
            "Nothing answers at this address. Open it in a browser: if it opens there, its firewall may let nobody "
            "in from outside."
        ),
        "issuer_malformed": N_("An issuer is a web address that begins with https://, without “?” or “#”."),
        "issuer_fixed": N_(
            "People are known by names that are this directory’s own, and may be somebody else’s at another one. "
            "Add a new directory beside it, test it, put it in service, then take this one out."
        ),
        "issuer_of_everybody": N_(
            "This one speaks for everybody, not for your firm alone: take that of your own tenant."
        ),
        "metadata_unreadable": N_(
            "What is at this address is not what it should be. Compare it with the one in its console."
        ),
        "metadata_issuer_wrong": N_(
            "What is published there is of another issuer. Copy it exactly as its document says it."
        ),
        "metadata_incomplete": N_(
            "What is published there is incomplete: it is not fully set up as an OpenID provider."
        ),
        "metadata_algorithms": N_("It signs ID tokens in none of the accepted ways. Have it sign with RS256 or ES256."),
        "xml_size": N_("These metadata are too large: take those of this one directory."),
        "xml_well_formed": N_("This is no metadata: it cannot be read as XML."),
        "xml_external_entity": N_("This file asks to read others from outside, and is not opened. Ask for it again."),
        "xml_entity": N_("This file declares entities, and is not opened. Ask for it again."),
        "xml_doctype": N_("This file declares a document type, and is not opened. Ask for it again."),
        "xml_encoding": N_("This file is not written in UTF-8. Save it as UTF-8."),
        "xml_web_page": N_("There is a web page at this address, not metadata. Does it ask for a sign-in first?"),
        "metadata_status": N_("There is nothing at this address. Copy it again from its console."),
        "metadata_element": N_("This is no SAML metadata."),
        "metadata_provider": N_(
            "These metadata describe no identity provider. Take those of your directory, not ours."
        ),
        "metadata_several": N_("These metadata describe several providers. Take those of this one directory."),
        "metadata_expired": N_("These metadata have ended. Ask for new ones."),
        "metadata_entity_id": N_("These metadata do not say whose they are (entity ID)."),
        "metadata_endpoint": N_("These metadata name no address to sign in at (SingleSignOnService, HTTP-Redirect)."),
        "metadata_key": N_("The certificate in these metadata cannot be read."),
        "metadata_key_weak": N_("Its key is too weak: RSA of 2048 bits at least."),
        "metadata_key_missing": N_("These metadata hold no certificate to check its signatures with."),
        "metadata_keys": N_("These metadata hold too many certificates. Have it drop the old ones."),
    },
)

#: What was typed, as it is sent again once the keys are compared.
_COMPARED = (
    *("version", "name", "metadata_url", "metadata_certificate", "scim_match", "accepts_amr", "wants_encrypted"),
    *("allows_cbc", "forwards_logout"),
)


@dataclass(frozen=True, slots=True)
class Key:
    """A certificate of a directory."""

    fingerprint: str
    subject: str
    until: date | None


CLAIMS = ("given_name", "family_name", "mail", "user_name", "groups")
#: What is read where nothing is said, by protocol.
USUAL: Mapping[str, Mapping[str, str]] = {
    "oidc": {
        "given_name": "given_name",
        "family_name": "family_name",
        "mail": "email",
        "user_name": "preferred_username",
        "groups": "groups",
    },
    "saml": {
        "subject": "NameID",
        "given_name": "givenName",
        "family_name": "sn",
        "mail": "mail",
        "user_name": "uid",
        "groups": "groups",
    },
}


def _values(visit: OrganisationVisit, found: pb.SsoProvider) -> dict[Value, str]:
    return {
        "redirect": found.redirect_uri,
        "signed_out": f"{visit.portal.settings.public_url}/signed-out",
        "logout": found.logout_uri,
        "entity_id": found.entity_id,
        "acs": found.acs_url,
        "slo": found.slo_url,
        "metadata": found.own_metadata_url,
    }


@pages.get(f"{ONE}/there", MANAGE)
async def there(visit: OrganisationVisit) -> Response:
    """What to do in the directory's own console."""
    found = await directory_of(visit)
    _, guide, values = visit.words, guide_of(found), _values(visit, found)
    context = {
        "directory": found,
        "guide_name": guide.name if guide.label else found.name,
        "todo": [(_(step.text), [(_(VALUES[each]), values[each]) for each in step.values]) for step in guide.steps],
        "draft": found.state == pb.PROVIDER_STATE_DRAFT,
        "here": here_of(visit),
        **steps(visit, 2),
    }
    return visit.render("directories/there.html", context)


@pages.get(f"{ONE}/here", MANAGE, fresh=True)
async def here(visit: OrganisationVisit) -> Response:
    """What comes from there."""
    found = await directory_of(visit)
    return _form(visit, found, _read_back(found, guide_of(found)), Errors())


def _read_back(found: pb.SsoProvider, guide: Guide) -> dict[str, object]:
    return {
        "name": found.name,
        "issuer": guide.typed_of(found.issuer),
        "client_id": found.client_id,
        "metadata_url": found.metadata_url,
        "scope": found.scope,
        "scim_match": found.scim_match,
        "accepts_amr": found.accepts_amr,
        "wants_encrypted": found.wants_encrypted,
        "allows_cbc": found.allows_cbc,
        "metadata_certificate": found.metadata_certificate,
        "forwards_logout": found.forwards_logout,
        "version": found.version,
    }


def _form(
    visit: OrganisationVisit, found: pb.SsoProvider, values: Mapping[str, object], errors: Errors, status: int = 200
) -> Response:
    _, guide = visit.words, guide_of(found)
    context = {
        "directory": found,
        "guide": guide,
        "guide_name": guide.name,
        "words_of": {name: _(getattr(guide, name)) for name in ("client_id", "secret", "where", "where_help")},
        "asks_where": not guide.issuer or "{}" in guide.issuer,
        "values": values,
        "errors": errors,
        "saml": found.kind == pb.PROVIDER_KIND_SAML,
        "draft": found.state == pb.PROVIDER_STATE_DRAFT,
        "here": here_of(visit),
        **steps(visit, 3),
    }
    return visit.render("directories/here.html", context, status=status)


@pages.post(f"{ONE}/here", MANAGE, largest_file=LARGEST_METADATA)
async def save(visit: OrganisationVisit) -> Response:
    """Saves what was typed. The directory is asked for its metadata at once."""
    found = await directory_of(visit)
    _, sent, guide = visit.words, visit.form, guide_of(found)
    saml = found.kind == pb.PROVIDER_KIND_SAML
    request = pb.UpdateProviderRequest(
        id=found.id,
        version=whole(sent["version"]),
        name=sent["name"],
        accepts_amr=bool(sent["accepts_amr"]),
        forwards_logout=bool(sent["forwards_logout"]),
        scim_match=sent["scim_match"],
    )
    wrong = await _saml(visit, found, request) if saml else _oidc(visit, found, request)
    wrong = Errors({**visit.missing("name"), **wrong})
    if not wrong:
        try:
            await visit.clients.providers.UpdateProvider(request)
        except ServiceError as error:
            if error.reason == "keys_unconfirmed":
                return _compare(visit, found, request, error)
            wrong = visit.errors(
                error, "name", "issuer", "client_id", "client_secret", "metadata_url", "metadata_document", "scope",
                "scim_match", "metadata_certificate",
                metadata="metadata_document" if request.HasField("metadata_document") else "metadata_url",
            )  # fmt: skip
        else:
            if found.state == pb.PROVIDER_STATE_DRAFT:
                return visit.redirect(
                    f"{here_of(visit)}/try", _("Saved. What %(name)s publishes can be read.", name=sent["name"])
                )
            return visit.redirect(
                here_of(visit), _("Saved. Test it: whoever signs in next should not be the first to.")
            )
    typed = {
        **_read_back(found, guide),
        **{name: sent[name] for name in ("name", "issuer", "client_id", "metadata_url", "scope", "scim_match")},
        "metadata_certificate": sent["metadata_certificate"],
    }
    flags = ("accepts_amr", "wants_encrypted", "allows_cbc", "forwards_logout")
    typed |= {name: bool(sent[name]) for name in flags}
    return _form(visit, found, typed, wrong, status=422)


def _oidc(visit: OrganisationVisit, found: pb.SsoProvider, request: pb.UpdateProviderRequest) -> Errors:
    sent, guide = visit.form, guide_of(found)
    request.issuer = guide.issuer_of(sent["issuer"])
    request.client_id, request.scope = sent["client_id"], sent["scope"]
    if sent["client_secret"]:
        request.client_secret = sent["client_secret"]
    asked = [] if guide.issuer and "{}" not in guide.issuer else ["issuer"]
    return visit.missing(*asked, "client_id", *([] if found.has_secret else ["client_secret"]))


async def _saml(visit: OrganisationVisit, found: pb.SsoProvider, request: pb.UpdateProviderRequest) -> Errors:
    _, sent = visit.words, visit.form
    request.wants_encrypted, request.allows_cbc = bool(sent["wants_encrypted"]), bool(sent["allows_cbc"])
    request.metadata_certificate = sent["metadata_certificate"]
    file = sent.file("metadata_document")
    document = await file.read() if file is not None and file.filename else _carried(sent["document"])
    request.confirmed_keys.extend(sent.all("confirmed_keys"))
    if len(document) > LARGEST_METADATA:
        return Errors(
            {"metadata_document": _("Metadata of more than 2 MB are not read: take those of this one directory.")}
        )
    if document and sent["metadata_url"] and sent["metadata_url"] != found.metadata_url:
        return Errors({"metadata_document": _("Give the address or the file, not both.")})
    if document:
        request.metadata_document, request.metadata_url = document, ""
    elif sent["metadata_url"]:
        request.metadata_url = sent["metadata_url"]
    elif not found.issuer:
        return Errors({"metadata_url": _("We need its metadata: their address, or the file.")})
    return Errors({})


def _carried(document: str) -> bytes:
    """The file, from the page that asked whether its keys were compared."""
    try:
        return b64decode(document, validate=True)
    except ValueError:
        return b""


def _compare(
    visit: OrganisationVisit, found: pb.SsoProvider, request: pb.UpdateProviderRequest, error: ServiceError
) -> Response:
    """Other keys for a directory in service are taken once somebody has compared them with those in its console."""
    sent = visit.form
    added, kept, gone = (_keys(error.params.get(name, "")) for name in ("added", "kept", "gone"))
    carried = [(name, sent[name]) for name in _COMPARED if sent[name]]
    if request.HasField("metadata_document") and request.metadata_document:
        carried.append(("document", b64encode(request.metadata_document).decode()))
    context = {
        "directory": found,
        "added": added,
        "kept": kept,
        "gone": gone,
        "carried": [*carried, *(("confirmed_keys", each.fingerprint) for each in added)],
        "people": found.people,
        "here": here_of(visit),
    }
    return visit.render("directories/keys.html", context, status=409)


def _keys(lines: str) -> list[Key]:
    """As `keys_unconfirmed` says them: fingerprint, last day, subject."""
    parts = (line.split(" ", 2) for line in lines.splitlines())
    return [Key(name, subject, date.fromisoformat(day) if day != "-" else None) for name, day, subject in parts]


@pages.get(f"{ONE}/claims", MANAGE, fresh=True)
async def claims(visit: OrganisationVisit) -> Response:
    """Which of its claims are read."""
    found = await directory_of(visit)
    return _claims_form(visit, found, {**found.claim_names, "version": found.version}, Errors())


def _claims_form(
    visit: OrganisationVisit, found: pb.SsoProvider, values: Mapping[str, object], errors: Errors, status: int = 200
) -> Response:
    _ = visit.words
    labels = {
        "subject": _("Identifier that stays with the person"),
        "given_name": _("First name"),
        "family_name": _("Family name"),
        "mail": _("Mail address"),
        "user_name": _("User name"),
        "groups": _("Groups"),
    }
    saml = found.kind == pb.PROVIDER_KIND_SAML
    usual = USUAL["saml" if saml else "oidc"]
    asked = ("subject", *CLAIMS) if saml else CLAIMS
    context = {
        "directory": found,
        "fields": [(name, labels[name], values.get(name, ""), usual[name]) for name in asked],
        "groups": _(guide_of(found).groups),
        "version": values["version"],
        "errors": errors,
        "saml": saml,
        "here": here_of(visit),
    }
    return visit.render("directories/claims.html", context, status=status)


@pages.post(f"{ONE}/claims", MANAGE)
async def save_claims(visit: OrganisationVisit) -> Response:
    """Saves which claims are read; empty: the usual one."""
    sent = visit.form
    named = {name: sent[name] for name in ("subject", *CLAIMS) if sent[name]}
    request = pb.UpdateProviderRequest(
        id=visit.request.path_params["id"], version=whole(sent["version"]), claim_names=named, set_claim_names=True
    )
    try:
        await visit.clients.providers.UpdateProvider(request)
    except ServiceError as error:
        wrong = visit.errors(error, "subject", *CLAIMS)
        found = await directory_of(visit)
        return _claims_form(visit, found, {**named, "version": found.version}, wrong, status=422)
    return visit.redirect(f"{here_of(visit)}/try", visit.words("Saved. Test it to see what is read now."))
