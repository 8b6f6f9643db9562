"""What an import says of its lines, and why a file could not be read."""

from parvis.identity.v1 import identity_pb2 as pb
from parvis_ui.translations import Words
from parvis_web.sentences import N_

#: State → label and tone.
STATES = {
    pb.IMPORT_STATE_RECEIVING: (N_("Not received whole"), "warn"),
    pb.IMPORT_STATE_CHECKING: (N_("Being checked"), "wait"),
    pb.IMPORT_STATE_CHECKED: (N_("Checked, to be imported"), "info"),
    pb.IMPORT_STATE_IMPORTING: (N_("Being imported"), "wait"),
    pb.IMPORT_STATE_DONE: (N_("Imported"), "ok"),
    pb.IMPORT_STATE_FAILED: (N_("Failed"), "bad"),
    pb.IMPORT_STATE_DISCARDED: (N_("Discarded"), "off"),
}
_NOTHING = (N_("Checked, nothing to import"), "warn")
_OF_LINES = {
    "differs": N_(
        "It came with an earlier import, and the file says something else now (%(fields)s). Nothing was changed."
    ),
    "was_there": N_("There was such an account before any import. Nothing was changed."),
    "was_there_differs": N_(
        "There was such an account before any import, with another %(fields)s. Nothing was changed."
    ),
    "twice_in_file": N_("Line %(first)s names the same account. Keep one of them."),
    "line_too_long": N_("It is longer than %(longest)s bytes. Look for a quote that is not closed."),
    "not_utf8": N_("Byte %(column)s is not UTF-8. Save the file as UTF-8."),
    "quotes_wrong": N_("A quote is not closed, or something stands behind a closing one."),
    "wrong_number_of_fields": N_(
        "It has %(found)s fields, the first line %(wanted)s. Look for a delimiter without quotes."
    ),
    "not_json": N_("It is no JSON. Each line is one object."),
    "not_an_object": N_("It is no JSON object."),
    "field_unknown": N_("No account has a field %(field)s. Rename or remove it."),
    "field_twice": N_("It names a field twice."),
    "not_text": N_("%(field)s is no text."),
    "organisation_unknown": N_("No organisation has this short name: use the one in its addresses."),
    "identifier_without_organisation": N_(
        "An identifier other than the mail address belongs to an organisation: name it, or leave the identifier out."
    ),
    "identifier_wrong": N_("An identifier has 1 to 100 characters and no space."),
    "mail_wrong": N_("This is no mail address. Correct it."),
    "name_too_long": N_("%(field)s is longer than %(longest)s characters."),
    "name_control_characters": N_("%(field)s has characters that cannot be printed."),
    "name_link_in_name": N_("%(field)s reads as a link."),
    "locale_unknown": N_("The languages are fr and en."),
    "status_unknown": N_("A status is active or disabled."),
    "no_way_in": N_("It has neither a password nor a mail address: nobody could ever sign in. Add one."),
    "hash_unknown": N_("We know no such hash of a password. Leave it empty: the person chooses a new one."),
    "hash_malformed": N_("The hash of the password is damaged. Export it again, or leave it empty."),
    "hash_too_costly": N_("Checking this password would take more time or memory than a sign-in may. Leave it empty."),
    "hash_too_weak": N_(
        "This hash of a password is no better than the password. Leave it empty: the person chooses a new one."
    ),
}
_OF_FILES = {
    "no_header": N_("The first line is no CSV in UTF-8. Save the file as that."),
    "columns_missing": N_("The first line must name the columns, mail or identifier among them. Known: %(known)s."),
    "column_unknown": N_("No account has a column %(columns)s. Known: %(known)s."),
    "column_twice": N_("The first line names a column twice."),
    "internal": N_(
        "Something went wrong on our side. What is counted below was done; send the file again for the rest."
    ),
}


def state(_: Words, found: pb.Import) -> tuple[str, str]:
    """Where an import is, and its tone."""
    nothing = found.state == pb.IMPORT_STATE_CHECKED and not found.created
    label, tone = _NOTHING if nothing else STATES[found.state]
    return _(label), tone


def explained(_: Words, line: pb.ImportLine) -> str:
    """Why a line became what it did, and what to do; empty where there is nothing to say."""
    return _(_OF_LINES[line.reason]) % dict(line.params) if line.reason in _OF_LINES else line.reason


def cause(_: Words, found: pb.Import) -> str:
    """Why nothing could be read of a file."""
    return _(_OF_FILES[found.reason]) % dict(found.params) if found.reason in _OF_FILES else found.reason
