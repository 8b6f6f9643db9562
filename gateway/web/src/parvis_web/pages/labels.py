"""Values of the services in words: kinds and states, with the kind that `ui.state` shows them as."""

from parvis.billing.v1 import billing_pb2
from parvis.documents.v1 import documents_pb2
from parvis.notify.v1 import notify_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_ui.translations import Words
from parvis_web.sentences import N_

#: Value in addresses → kind of contact.
CONTACT_KINDS = {
    "client": tenancy_pb2.CONTACT_KIND_CLIENT,
    "employee": tenancy_pb2.CONTACT_KIND_EMPLOYEE,
    "supplier": tenancy_pb2.CONTACT_KIND_SUPPLIER,
}
_ONE = {"client": N_("Client"), "employee": N_("Employee"), "supplier": N_("Supplier")}
_MANY = {"client": N_("Clients"), "employee": N_("Employees"), "supplier": N_("Suppliers")}
_NEW = {"client": N_("New client"), "employee": N_("New employee"), "supplier": N_("New supplier")}
_CREATE = {
    "client": N_("Create the client"),
    "employee": N_("Create the employee"),
    "supplier": N_("Create the supplier"),
}

#: Value in addresses → kind of mail.
MAIL_KINDS = {
    "member-invited": notify_pb2.TEMPLATE_KIND_MEMBER_INVITED,
    "access-granted": notify_pb2.TEMPLATE_KIND_ACCESS_GRANTED,
    "document-filed": notify_pb2.TEMPLATE_KIND_DOCUMENT_FILED,
    "deposit-received": notify_pb2.TEMPLATE_KIND_DEPOSIT_RECEIVED,
    "password-reset": notify_pb2.TEMPLATE_KIND_PASSWORD_RESET,
    "account-imported": notify_pb2.TEMPLATE_KIND_ACCOUNT_IMPORTED,
    "address-corrected": notify_pb2.TEMPLATE_KIND_ADDRESS_CORRECTED,
    "password-replaced": notify_pb2.TEMPLATE_KIND_PASSWORD_REPLACED,
}
_MAILS = {
    "member-invited": (N_("Invitation of a colleague"), N_("Sent when somebody is invited to work here.")),
    "access-granted": (
        N_("Portal access"),
        N_("Sent when a person of a client is given an access, with the link to activate it."),
    ),
    "document-filed": (N_("New document"), N_("Sent when a document reaches a folder that is announced.")),
    "deposit-received": (N_("Deposit by a client"), N_("Sent to the advisers when a client deposits a document.")),
    "password-reset": (
        N_("New password"),
        N_("Sent when somebody asks for a new password. It is the same for everybody."),
    ),
    "password-replaced": (
        N_("Replaced password"),
        N_("Sent when a provisional password replaces the one of an access in use. It is the same for everybody."),
    ),
    "address-corrected": (
        N_("Corrected address"),
        N_("Sent to the old address when the mail address of an access is corrected. It is the same for everybody."),
    ),
    "account-imported": (
        N_("Account from an older platform"),
        N_("Sent when accounts of an older platform are taken over. It is the same for everybody."),
    ),
}
LOCALES = {"fr": "Français", "en": "English"}


def kind_key(kind: int) -> str:
    """A kind of contact as it stands in addresses; `client` for what is not known."""
    return next((key for key, value in CONTACT_KINDS.items() if value == kind), "client")


def kind_one(_: Words, key: str) -> str:
    """“Client”."""
    return _(_ONE[key])


def kind_many(_: Words, key: str) -> str:
    """“Clients”."""
    return _(_MANY[key])


def kind_new(_: Words, key: str) -> str:
    """“New client”."""
    return _(_NEW[key])


def kind_create(_: Words, key: str) -> str:
    """“Create the client”."""
    return _(_CREATE[key])


def mail_key(kind: int) -> str:
    """A kind of mail as it stands in addresses; empty for what is not known."""
    return next((key for key, value in MAIL_KINDS.items() if value == kind), "")


def mail_name(_: Words, kind: int) -> str:
    """What a kind of mail is called."""
    key = mail_key(kind)
    return _(_MAILS[key][0]) if key else _("Mail")


def mail_purpose(_: Words, kind: int) -> str:
    """When a kind of mail is sent."""
    key = mail_key(kind)
    return _(_MAILS[key][1]) if key else ""


def access_state(_: Words, state: int) -> tuple[str, str]:
    """A portal access's state: label and kind."""
    known: dict[int, tuple[str, str]] = {
        tenancy_pb2.MEMBERSHIP_STATE_ACTIVE: (_("Active"), "ok"),
        tenancy_pb2.MEMBERSHIP_STATE_INVITED: (_("Waiting for the first sign-in"), "wait"),
        tenancy_pb2.MEMBERSHIP_STATE_CUT: (_("Access cut"), "bad"),
    }
    return known.get(state, (_("No access"), "off"))


def message_state(_: Words, state: int) -> tuple[str, str]:
    """A message's state: label and kind."""
    known: dict[int, tuple[str, str]] = {
        notify_pb2.MESSAGE_STATE_PENDING: (_("Being sent"), "wait"),
        notify_pb2.MESSAGE_STATE_SENT: (_("Sent"), "ok"),
        notify_pb2.MESSAGE_STATE_CANCELLED: (_("Cancelled"), "off"),
        notify_pb2.MESSAGE_STATE_FAILED: (_("Not sent"), "bad"),
    }
    return known.get(state, (_("Unknown"), "off"))


def invoice_state(_: Words, state: int, *, portal: bool = False) -> tuple[str, str]:
    """An invoice's state: label and kind. Whom it is addressed to need not know how its PDF is made."""
    known: dict[int, tuple[str, str]] = {
        billing_pb2.INVOICE_STATE_DRAFT: (_("Draft"), "off"),
        billing_pb2.INVOICE_STATE_CLOSED: (_("Issued") if portal else _("Numbered, PDF being made"), "wait"),
        billing_pb2.INVOICE_STATE_FILED: (_("Issued") if portal else _("Filed with the client"), "ok"),
    }
    return known.get(state, (_("Unknown"), "off"))


def document_state(_: Words, document: documents_pb2.Document, *, portal: bool) -> tuple[str, str]:
    """Whether a document was read by whom it is for: label and kind."""
    if portal:
        if document.deposit:
            return _("Sent by you"), "off"
        return (_("Unread"), "info") if document.unread else (_("Read"), "off")
    if document.deposit:
        return (_("To be read"), "info") if document.unread else (_("Deposit, read"), "off")
    if not document.shared:
        return _("Firm only"), "off"
    return (_("Opened"), "ok") if document.HasField("opened_at") else (_("Not opened yet"), "wait")
