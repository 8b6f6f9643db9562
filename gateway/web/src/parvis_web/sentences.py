"""What errors say. Services return reasons and values; here they become sentences in the reader's language."""

from collections.abc import Iterable

from parvis_kit.errors import Kind, ServiceError, Violation
from parvis_ui.forms import Errors
from parvis_ui.translations import Words


def N_(message: str) -> str:  # noqa: N802 - the name that gettext tools look for
    """Marks a message that is translated where it is used."""
    return message


#: Reason of an error or of a violation → sentence. Each area adds its own (`Area(sentences=…)`).
SENTENCES: dict[str, str] = {
    "required": N_("This is needed."),
    "missing": N_("This is needed."),
    "empty": N_("This is needed."),
    "too_long": N_("This is too long."),
    "too_short": N_("This is too short."),
    "malformed": N_("This does not look right. Check what you typed."),
    "invalid": N_("This does not look right. Check what you typed."),
    "unknown": N_("Choose one of the values offered."),
    "not_a_uuid": N_("Choose one of the values offered."),
    "malformed_mail": N_("A mail address looks like name@example.com."),
    "invalid_mail": N_("A mail address looks like name@example.com."),
    "stale_version": N_(
        "Somebody else changed this while you were writing. Nothing was saved: what you typed is still here. Open the page again"
        " in another tab to compare, then save again."
    ),
    "right_missing": N_("You do not have the right to do this."),
    "service_unavailable": N_("Part of the portal is not answering. Nothing was changed; try again in a moment."),
    "database_unavailable": N_("Part of the portal is not answering. Nothing was changed; try again in a moment."),
}

_BY_KIND = {
    Kind.INVALID: N_("Something in this form cannot be accepted. Check what you typed."),
    Kind.CONFLICT: N_("Somebody else was faster. Nothing was saved: what you typed is still here."),
    Kind.PRECONDITION: N_("This cannot be done at the moment."),
    Kind.LIMIT: N_("That was too often in a short time. Wait a minute, then try again."),
    Kind.UNAVAILABLE: N_("Part of the portal is not answering. Nothing was changed; try again in a moment."),
    Kind.FORBIDDEN: N_("You may not do this."),
    Kind.NOT_FOUND: N_("This no longer exists, or you may not see it."),
    Kind.UNAUTHENTICATED: N_("Your session has ended. Sign in again."),
    Kind.INTERNAL: N_("Something went wrong on our side. Nothing was saved."),
}


def sentence(words: Words, error: ServiceError) -> str:
    """What an error says."""
    return _filled(words(SENTENCES.get(error.reason) or _BY_KIND[error.kind]), error.params)


def violation(words: Words, found: Violation) -> str:
    """What is wrong with one field."""
    return _filled(words(SENTENCES.get(found.reason) or SENTENCES["invalid"]), found.params)


def form_errors(words: Words, error: ServiceError, fields: Iterable[str], **places: str) -> Errors:
    """The errors of a form that has these fields. `places` says which field a reason is about (`identifier_taken="identifier"`).

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


def _filled(text: str, params: object) -> str:
    try:
        return text % params if params else text
    except (KeyError, TypeError, ValueError):
        return text
