"""What each table of identity is, about whom, how long it is kept, and what exports and erasures do with it."""

from typing import Final

from parvis_identity.holdings_openid import OPENID
from parvis_identity.holdings_sso import SSO
from parvis_records.map import (
    FOR_ACCOUNT,
    FOR_INSTALLATION,
    FOR_ORGANISATION,
    About,
    Erasure,
    Map,
    Table,
    Topic,
    aged,
)

_PERSON, _FIRM = (About.PERSON,), (About.ORGANISATION,)
_OWN: Final = "account_id = {account}"
_OF_FIRM: Final = "organisation_id = {organisation}"

_ACCOUNTS: Final = (
    Table(
        name="accounts",
        holds="Accounts: who somebody is, and how mails reach them.",
        about=_PERSON,
        topic=Topic.ACCOUNT,
        keep=FOR_ACCOUNT,
        erase=Erasure.DELETED,
        person="id = {account}",
        organisation=_OF_FIRM,
        personal="identifier mail given_name family_name phone_number address",
        plain=(
            "id kind state organisation_id locale created_at activated_at last_sign_in_at imported_at directory"
            " closed_by_directory factor_always factor_put_off_at erasure_due_at"
        ),
        technical="identifier_key version claimed_as",
    ),
    Table(
        name="account_links",
        holds="Personal accounts and accounts of firms that are one person's.",
        about=_PERSON,
        topic=Topic.ACCOUNT,
        keep=FOR_ACCOUNT,
        erase=Erasure.DELETED,
        person="{account} IN (personal_id, managed_id)",
        plain="id personal_id managed_id organisation_id organisation_slug linked_at",
    ),
    Table(
        name="address_changes",
        holds="Changes of the address of a personal account.",
        about=_PERSON,
        topic=Topic.ACCOUNT,
        keep=aged(365, "asked_at", "kept_changes_days"),
        erase=Erasure.DELETED,
        person=_OWN,
        personal="old_mail new_mail",
        plain="id account_id asked_at new_confirmed_at old_confirmed_at done_at ended_as",
        technical="old_key",
    ),
    Table(
        name="access_requests",
        holds="What somebody typed to ask an organisation for an account, until their address is proven.",
        about=_PERSON,
        topic=Topic.MEMBERS,
        keep=aged(30, "expires_at"),
        erase=Erasure.DELETED,
        person="(account_id = {account} OR mail = (SELECT mail FROM accounts WHERE id = {account}))",
        organisation=_OF_FIRM,
        personal="mail given_name family_name message",
        plain="id organisation_id organisation_slug locale created_at expires_at account_id sent_at",
        withheld="digest",
    ),
    Table(
        name="imports",
        holds="Files of accounts that were imported from another platform.",
        about=(About.PERSON, About.ORGANISATION),
        topic=Topic.ACCOUNT,
        keep=aged(365, "created_at"),
        erase=Erasure.BLANKED,
        because="Whose accounts came with the file stays known, not who brought it.",
        person="asked_by = {account}",
        mentions=(("asked_by = {account}", "asked_by"),),
        plain=(
            "id asked_by name size received state mail lines created unchanged refused reason params created_at"
            " changed_at finished_at"
        ),
        technical="leased_until",
    ),
    Table(
        name="import_parts",
        holds="A file of accounts while it is read: gone with the end of the import.",
        about=_PERSON,
        topic=Topic.TECHNICAL,
        keep=aged(365, "(SELECT created_at FROM imports i WHERE i.id = import_id)"),
        erase=Erasure.DELETED,
        withheld="sealed",
        technical="import_id begins_at",
    ),
    Table(
        name="import_lines",
        holds="What became of each line of an imported file.",
        about=_PERSON,
        topic=Topic.ACCOUNT,
        keep=aged(365, "(SELECT created_at FROM imports i WHERE i.id = import_id)"),
        erase=Erasure.BLANKED,
        because="How many lines there were and what became of them stays.",
        person="identifier = (SELECT identifier FROM accounts WHERE id = {account})",
        personal="identifier params",
        plain="import_id line outcome organisation reason",
        blanks={"params": "'{}'"},
    ),
)

_SIGN_IN: Final = (
    Table(
        name="credentials",
        holds="Passwords, as hashes that say nothing about them.",
        about=_PERSON,
        topic=Topic.SIGN_IN,
        keep=FOR_ACCOUNT,
        erase=Erasure.DELETED,
        person=_OWN,
        plain="account_id changed_at provisional expires_at",
        withheld="password_hash",
    ),
    Table(
        name="sessions",
        holds="Where somebody is or was signed in.",
        about=_PERSON,
        topic=Topic.SIGN_IN,
        keep=aged(90, "last_seen_at", "kept_sessions_days"),
        erase=Erasure.DELETED,
        person=_OWN,
        personal="device",
        plain="id account_id started_at last_seen_at auth_time acr amr proof_at ended_at",
        withheld="digest",
    ),
    Table(
        name="session_proofs",
        holds="That a firm's identity provider vouched for whoever is signed in.",
        about=_PERSON,
        topic=Topic.SIGN_IN,
        keep=aged(90, "(SELECT last_seen_at FROM sessions s WHERE s.id = session_id)", "kept_sessions_days"),
        erase=Erasure.DELETED,
        person="session_id IN (SELECT id FROM sessions WHERE account_id = {account})",
        personal="name_id",
        plain="session_id provider_id organisation_id at ends_at acr amr",
        withheld="sealed_hint session_index",
    ),
    Table(
        name="sign_in_attempts",
        holds="Failed sign-ins in a row, under a hash of what was typed.",
        about=_PERSON,
        topic=Topic.SIGN_IN,
        keep=aged(1, "last_at"),
        erase=Erasure.DELETED,
        because="It goes by its age: nothing leads from the person to it.",
        technical="key failures last_at blocked_until",
    ),
    Table(
        name="pending_sign_ins",
        holds="Sign-ins that wait for a second factor, for ten minutes.",
        about=_PERSON,
        topic=Topic.SIGN_IN,
        keep=aged(1, "expires_at"),
        erase=Erasure.DELETED,
        person=_OWN,
        plain="account_id amr created_at expires_at",
        withheld="digest challenge kept",
        technical="next",
    ),
    Table(
        name="links",
        holds="One-time links of mails, under hashes.",
        about=_PERSON,
        topic=Topic.SIGN_IN,
        keep=aged(90, "expires_at", "kept_links_days"),
        erase=Erasure.DELETED,
        person=_OWN,
        mentions=(("organisation_id = {organisation}", "organisation_id organisation_slug"),),
        plain="id purpose account_id organisation_id organisation_slug created_at expires_at used_at revoked_at",
        withheld="digest",
    ),
    Table(
        name="factors",
        holds="Second factors and passkeys.",
        about=_PERSON,
        topic=Topic.SIGN_IN,
        keep=FOR_ACCOUNT,
        erase=Erasure.DELETED,
        person=_OWN,
        personal="name",
        plain=(
            "id account_id kind transports aaguid discoverable backed_up sign_count created_at confirmed_at"
            " last_used_at"
        ),
        withheld="sealed last_step credential_id public_key",
    ),
    Table(
        name="recovery_codes",
        holds="Codes that replace a second factor once, as hashes.",
        about=_PERSON,
        topic=Topic.SIGN_IN,
        keep=FOR_ACCOUNT,
        erase=Erasure.DELETED,
        person=_OWN,
        plain="account_id created_at used_at",
        withheld="digest",
    ),
    Table(
        name="trusted_devices",
        holds="Browsers that are not asked for a second factor for a while.",
        about=_PERSON,
        topic=Topic.SIGN_IN,
        keep=aged(30, "expires_at"),
        erase=Erasure.DELETED,
        person=_OWN,
        personal="device",
        plain="id account_id created_at expires_at ended_at",
        withheld="digest",
    ),
    Table(
        name="factor_resets",
        holds="Resets of second factors: who asked and who agreed.",
        about=_PERSON,
        topic=Topic.SIGN_IN,
        keep=aged(365, "ended_at", "kept_changes_days"),
        erase=Erasure.DELETED,
        person=_OWN,
        organisation=_OF_FIRM,
        mentions=(
            ("asked_by = {account}", "asked_by asked_by_name"),
            ("approved_by = {account}", "approved_by approved_by_name"),
        ),
        personal="asked_by_name approved_by_name reason",
        plain=(
            "id account_id organisation_id organisation_name membership_id asked_by asked_at approved_by approved_at"
            " due_at ended_at ended_as"
        ),
    ),
    Table(
        name="viewings",
        holds="Who looked at the portal as somebody else sees it, and why.",
        about=_PERSON,
        topic=Topic.TRAIL,
        keep=aged(365, "started_at", "kept_viewings_days"),
        erase=Erasure.DELETED,
        person="{account} IN (account_id, subject_account_id)",
        organisation=_OF_FIRM,
        personal="viewer_name name reason",
        plain=(
            "id account_id viewer_membership_id organisation_id subject_account_id membership_id kind started_at"
            " expires_at ended_at"
        ),
        technical="session_id",
    ),
    Table(
        name="password_policies",
        holds="What a firm demands of the passwords of its accounts.",
        about=_FIRM,
        topic=Topic.SIGN_IN,
        keep=FOR_ORGANISATION,
        organisation=_OF_FIRM,
        plain="organisation_id minimum digit capital small special_characters tightened_at changed_at",
    ),
    Table(
        name="sign_in_policies",
        holds="What an organisation demands of whoever enters it.",
        about=(About.ORGANISATION, About.PERSON),
        topic=Topic.SIGN_IN,
        keep=FOR_ORGANISATION,
        erase=Erasure.BLANKED,
        because="The demand is the organisation's; the person is taken out of it.",
        organisation=_OF_FIRM,
        mentions=(("{account} = ANY(break_glass)", "break_glass"),),
        blanks={"break_glass": "array_remove(break_glass, {account})"},
        plain="organisation_id sso factors required_from required_profiles break_glass changed_at",
        technical="version",
    ),
)

_ERASURES: Final = (
    Table(
        name="erasures",
        holds="Accounts that are to be erased on a day, and that some were: without whose they were.",
        about=_PERSON,
        topic=Topic.ACCOUNT,
        keep=FOR_INSTALLATION,
        erase=Erasure.BLANKED,
        because="That it was done stays provable, and a restored account can be erased again.",
        person=_OWN,
        mentions=((_OWN, "account_id"),),
        plain="id account_id asked_by asked_at due_at held_at ended_at ended_as",
        technical="digest",
    ),
    Table(
        name="erasure_answers",
        holds="How many rows each service erased and kept.",
        about=(About.NOBODY,),
        topic=Topic.TECHNICAL,
        keep=FOR_INSTALLATION,
        technical="erasure_id service erased kept at",
    ),
)

HOLDINGS: Final = Map("identity", (*_ACCOUNTS, *_SIGN_IN, *_ERASURES, *OPENID, *SSO))
