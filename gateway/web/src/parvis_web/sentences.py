"""What errors say. Services return reasons and values; here they become sentences in the reader's language."""

from collections.abc import Iterable, Mapping, Sequence

from parvis_kit.errors import Kind, ServiceError, Violation
from parvis_ui.forms import Errors
from parvis_ui.translations import Words


def N_(message: str) -> str:  # noqa: N802 - the name that gettext tools look for
    """Marks a message that is translated where it is used."""
    return message


#: Reason of an error or of a violation → sentence. Each area adds its own (`Area(sentences=…)`).
SENTENCES: dict[str, str] = {
    "required": N_("This is needed."),
    "too_long": N_("This is too long."),
    "too_many": N_("There are too many."),
    "control_characters": N_("There is an invisible sign in this. Delete the text and type it again."),
    "link_in_name": N_("A name holds no web address (://, www.): mail programs would make a link of it."),
    "invalid": N_("This does not look right. Check what you typed."),
    "unknown": N_("Choose one of the values offered."),
    "not_a_uuid": N_("Choose one of the values offered."),
    "mail_invalid": N_("A mail address looks like name@example.com."),
    "not_a_mail_address": N_("A mail address looks like name@example.com."),
    "siren_invalid": N_("A SIREN has nine digits, and the last one is a check digit: one of these is wrong."),
    "vat_number_invalid": N_("A VAT number looks like FR83404833048; one of these characters is wrong."),
    "iban_invalid": N_("This is not an IBAN: one of its characters is wrong."),
    "locale_unknown": N_("Choose French or English."),
    "colour_invalid": N_("A colour looks like #0f5c5c."),
    "time_zone_unknown": N_("Choose one of the time zones offered."),
    "too_many_lines": N_("An address has three lines at most."),
    "country_unknown": N_("A country has two letters: FR, BE, CH…"),
    "url_invalid": N_("A web address begins with https:// (http:// only on this machine)."),
    "stale_version": N_(
        "Somebody else changed this while you were writing. Nothing was saved: what you typed is still "
        "here. Save again to"
        " replace their change, or open the page in another tab to compare."
    ),
    "fields_invalid": N_("Something in this form cannot be accepted. Check what you typed."),
    "right_missing": N_("You do not have the right to do this."),
    "above_ceiling": N_("Nobody can give, take or change rights that they do not hold themselves."),
    "out_of_scope": N_("This is outside what your rights reach."),
    "out_of_range": N_("A whole number between %(least)s and %(most)s."),
    "not_a_number": N_("Write a whole number in digits."),
    "out_of_tier": N_("You administer %(structure)s only: this concerns another part of the organisation."),
    "right_lent": N_("You may do this for the time in which you stand in for somebody, but choose nobody in charge."),
    "profile_inactive": N_("This profile is not valid any more. Choose another."),
    "name_taken": N_("This name is already used. Choose another."),
    "too_large": N_("What you sent is too large for a form."),
    "too_much_at_once": N_("You have very many pages open at once. Wait a moment, then try again."),
    "files_at_once": N_("%(most)s files are being made for you already. Wait until they are there, then try again."),
    "revision_ahead": N_(
        "The portal was set back to an earlier state since you opened this page. Nothing was done: open the page again."
    ),
    "malformed_request": N_("What you sent could not be read. Open the page again and repeat what you did."),
    "organisation_closing": N_(
        "The organisation is being closed: everything can be read and exported, nothing is changed any more. An"
        " administrator can reopen it."
    ),
    "service_unavailable": N_("Part of the portal is not answering. Try again in a moment."),
    "database_unavailable": N_("Part of the portal is not answering. Try again in a moment."),
}

#: Reasons that say more at a field, where the limit is known, than of a whole request.
_OF_A_FIELD = {
    "too_long": N_("This is too long: at most %(limit)s characters."),
    "too_large": N_("This amount is too large for an invoice."),
}

_BY_KIND = {
    Kind.INVALID: N_("Something in this form cannot be accepted. Check what you typed."),
    Kind.CONFLICT: N_("Somebody else was faster. Nothing was saved: what you typed is still here."),
    Kind.PRECONDITION: N_("This cannot be done at the moment."),
    Kind.LIMIT: N_("That was too often in a short time. Wait a minute, then try again."),
    Kind.UNAVAILABLE: N_("Part of the portal is not answering. Try again in a moment."),
    Kind.FORBIDDEN: N_("You may not do this."),
    Kind.NOT_FOUND: N_("This no longer exists, or you may not see it."),
    Kind.UNAUTHENTICATED: N_("Your session has ended. Sign in again."),
    Kind.INTERNAL: N_("Something went wrong on our side. Nothing was saved."),
}


def either(words: Words, names: Sequence[str]) -> str:
    """Names to choose from: "Claire Orsel, Hugo Petit or Lucie Tanguy"."""
    if len(names) <= 1:
        return "".join(names)
    return words("%(names)s or %(last)s", names=", ".join(names[:-1]), last=names[-1])


def sentence(words: Words, error: ServiceError) -> str:
    """What an error says. Where it depends on whether a value is known, "reason:value" has a sentence of its own."""
    known = (SENTENCES.get(f"{error.reason}:{name}") for name, value in error.params.items() if value)
    found = next(filter(None, known), None) or SENTENCES.get(error.reason)
    return _filled(words, found or _BY_KIND[error.kind], error.params)


def violation(words: Words, found: Violation) -> str:
    """What is wrong with one field."""
    params = dict(found.params)
    params.setdefault("limit", params.get("longest", ""))
    said = _OF_A_FIELD.get(found.reason) if params["limit"] else None
    source = said or SENTENCES.get(found.reason) or SENTENCES["invalid"]
    return _filled(words, source, params)


def form_errors(words: Words, error: ServiceError, fields: Iterable[str], **places: str) -> Errors:
    """The errors of a form that has these fields. `places` says which field a reason is about
    (`identifier_taken="identifier"`).

    A violation of a field that the form does not show is said at the top.
    """
    shown = set(fields)
    errors = Errors()
    for found in error.violations:
        # A violation may name a nested field: "contact.addresses.main" is the form's "main" or "addresses_main".
        name = found.field if found.field in shown else found.field.rpartition(".")[2]
        field = name if name in shown else places.get(found.field, "")
        errors.setdefault(field, violation(words, found))
    if not errors:
        errors[places.get(error.reason, "")] = sentence(words, error)
    return errors


def _filled(words: Words, source: str, params: Mapping[str, str]) -> str:
    text = words(source)
    try:
        return words.fitted(text, params) % params if params else text
    except (KeyError, TypeError, ValueError):
        return text
