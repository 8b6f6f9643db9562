"""What the tables of firms' identity providers and directories are (holdings)."""

from typing import Final

from parvis_records.map import FOR_ORGANISATION, UNTIL_REPLACED, About, Erasure, Table, Topic, aged

_PERSON, _FIRM = (About.PERSON,), (About.ORGANISATION,)
_OWN: Final = "account_id = {account}"
_OF_FIRM: Final = "organisation_id = {organisation}"

SSO: Final = (
    Table(
        name="sso_providers",
        holds="Firms' own identity providers.",
        about=_FIRM,
        topic=Topic.SIGN_IN,
        keep=FOR_ORGANISATION,
        organisation=_OF_FIRM,
        plain=(
            "id organisation_id organisation_slug kind template name state position issuer client_id secret_changed_at"
            " metadata_url metadata_document metadata_read_at metadata_problem metadata_failed_at claim_names scope"
            " accepts_amr wants_encrypted allows_cbc metadata_certificate scim_match forwards_logout tried_at"
            " live_since created_at changed_at"
        ),
        withheld="sealed_secret",
        technical="metadata_next_at version",
    ),
    Table(
        name="sso_keys",
        holds="Keys for a firm's identity provider; private parts are sealed.",
        about=_FIRM,
        topic=Topic.TECHNICAL,
        keep=FOR_ORGANISATION,
        organisation="provider_id IN (SELECT id FROM sso_providers WHERE organisation_id = {organisation})",
        plain="id provider_id certificate created_at signs_from retired_at",
        withheld="sealed",
    ),
    Table(
        name="sso_domains",
        holds="Mail domains that a firm has proven to be its own.",
        about=_FIRM,
        topic=Topic.SIGN_IN,
        keep=FOR_ORGANISATION,
        organisation=_OF_FIRM,
        plain=(
            "id organisation_id organisation_slug domain state method token verified_at checked_at check_problem"
            " lost_at created_at mail_sent_at claim_told_at"
        ),
        withheld="mail_digest",
        technical="next_check_at mail_id",
    ),
    Table(
        name="sso_identities",
        holds="How a firm's identity provider calls somebody.",
        about=_PERSON,
        topic=Topic.SIGN_IN,
        keep=FOR_ORGANISATION,
        erase=Erasure.DELETED,
        person=_OWN,
        organisation=_OF_FIRM,
        personal="subject",
        plain="id provider_id account_id organisation_id created_at last_sign_in_at",
    ),
    Table(
        name="sso_attempts",
        holds="Sign-ins on the way to a firm's identity provider and back.",
        about=_PERSON,
        topic=Topic.SIGN_IN,
        keep=aged(1, "expires_at"),
        erase=Erasure.DELETED,
        person=_OWN,
        personal="report",
        plain="provider_id purpose account_id session_id created_at expires_at answered_at used_at",
        withheld="digest browser sealed",
        technical="next",
    ),
    Table(
        name="sso_warnings",
        holds="When a firm was told of sign-ins that were refused, and how many came since.",
        about=_FIRM,
        topic=Topic.SIGN_IN,
        keep=aged(1, "told_at"),
        organisation=_OF_FIRM,
        plain="organisation_id told_at provider_id provider last_check since",
    ),
    Table(
        name="scim_tokens",
        holds="What a firm's directory shows to be let in, as hashes.",
        about=(About.ORGANISATION, About.PERSON),
        topic=Topic.MEMBERS,
        keep=UNTIL_REPLACED,
        erase=Erasure.BLANKED,
        because="The token is the firm's; who made it is taken out.",
        organisation=_OF_FIRM,
        mentions=(("created_by = {account}", "created_by"),),
        plain="id organisation_id name ending created_by created_at expires_at revoked_at last_used_at",
        withheld="digest",
    ),
    Table(
        name="scim_users",
        holds="People as a firm's directory describes them.",
        about=_PERSON,
        topic=Topic.MEMBERS,
        keep=FOR_ORGANISATION,
        erase=Erasure.DELETED,
        person=_OWN,
        organisation=_OF_FIRM,
        personal="user_name external_id document",
        plain="id organisation_id account_id active created_at changed_at deleted_at",
        technical="user_name_key compared version",
    ),
    Table(
        name="scim_groups",
        holds="Groups of a firm's directory.",
        about=_FIRM,
        topic=Topic.MEMBERS,
        keep=FOR_ORGANISATION,
        organisation=_OF_FIRM,
        plain="id organisation_id display_name external_id document created_at changed_at",
        technical="compared version",
    ),
    Table(
        name="scim_group_members",
        holds="Who is in which group of a firm's directory.",
        about=_PERSON,
        topic=Topic.MEMBERS,
        keep=FOR_ORGANISATION,
        erase=Erasure.DELETED,
        person="user_id IN (SELECT id FROM scim_users WHERE account_id = {account})",
        organisation=_OF_FIRM,
        plain="organisation_id group_id user_id",
    ),
    Table(
        name="scim_log",
        holds="What a firm's directory did, counted by the minute, and the first things that were refused.",
        about=(About.ORGANISATION, About.PERSON),
        topic=Topic.MEMBERS,
        keep=aged(365, "minute", "kept_directory_log_days"),
        erase=Erasure.BLANKED,
        because="The counts are the firm's; names of what was refused go with their age.",
        organisation=_OF_FIRM,
        personal="notes",
        plain=("id organisation_id token_id minute created changed disabled reopened deleted groups refused"),
    ),
)
