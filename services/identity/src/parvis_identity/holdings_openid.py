"""What the tables of the OpenID provider are (holdings)."""

from typing import Final

from parvis_records.map import FOR_INSTALLATION, UNTIL_REPLACED, About, Erasure, Table, Topic, aged

_PERSON, _FIRM, _NOBODY = (About.PERSON,), (About.ORGANISATION,), (About.NOBODY,)
_OWN: Final = "account_id = {account}"
_OF_SESSION: Final = "(SELECT last_seen_at FROM sessions s WHERE s.id = session_id)"
_OF_GRANTS: Final = "grant_id IN (SELECT id FROM grants WHERE account_id = {account})"

OPENID: Final = (
    Table(
        name="clients",
        holds="Applications that people sign in to with their account.",
        about=_FIRM,
        topic=Topic.APPLICATIONS,
        keep=UNTIL_REPLACED,
        organisation="organisation_id = {organisation}",
        plain=(
            "client_id name redirect_uris post_logout_redirect_uris grant_types response_types scope application_type"
            " token_endpoint_auth_method token_endpoint_auth_signing_alg jwks jwks_uri id_token_signed_response_alg"
            " userinfo_signed_response_alg request_object_signing_alg request_uris subject_type sector_identifier_uri"
            " default_max_age require_auth_time default_acr_values initiate_login_uri contacts logo_uri policy_uri"
            " tos_uri client_uri software_id software_version backchannel_logout_uri"
            " backchannel_logout_session_required require_pushed_authorization_requests dpop_bound_access_tokens"
            " product_id profile pkce_required rotates_refresh_tokens exchange_audiences consent_required"
            " organisation_id previous_secret_until closed_at used_at refused_at refused_for created_at"
        ),
        withheld="secret_digest registration_digest previous_secret_digest",
    ),
    Table(
        name="consents",
        holds="What somebody lets an application know about them.",
        about=_PERSON,
        topic=Topic.APPLICATIONS,
        keep=UNTIL_REPLACED,
        erase=Erasure.DELETED,
        person=_OWN,
        plain="account_id client_id told given_at",
    ),
    Table(
        name="grants",
        holds="Sign-ins to applications.",
        about=_PERSON,
        topic=Topic.APPLICATIONS,
        keep=aged(90, _OF_SESSION, "kept_sessions_days"),
        erase=Erasure.DELETED,
        person=_OWN,
        mentions=(("organisation_id = {organisation}", "organisation_id organisation_name organisation_slug"),),
        plain=(
            "id client_id account_id session_id scope auth_time acr amr organisation_id organisation_name"
            " organisation_slug created_at revoked_at"
        ),
        technical="dpop_jkt claims",
    ),
    Table(
        name="authorization_codes",
        holds="Codes that applications exchange for tokens, as hashes.",
        about=_PERSON,
        topic=Topic.TECHNICAL,
        keep=aged(1, "expires_at"),
        erase=Erasure.DELETED,
        person=_OF_GRANTS,
        withheld="digest nonce code_challenge dpop_jkt",
        technical="grant_id redirect_uri expires_at used_at",
    ),
    Table(
        name="refresh_tokens",
        holds="Tokens with which applications stay signed in, as hashes.",
        about=_PERSON,
        topic=Topic.TECHNICAL,
        keep=aged(90, "expires_at"),
        erase=Erasure.DELETED,
        person=_OF_GRANTS,
        withheld="digest",
        technical="grant_id issued_at expires_at replaced_at",
    ),
    Table(
        name="device_codes",
        holds="Devices that wait for somebody to let them in.",
        about=_PERSON,
        topic=Topic.TECHNICAL,
        keep=aged(1, "expires_at"),
        erase=Erasure.DELETED,
        person=_OF_GRANTS,
        withheld="digest user_code",
        technical=(
            "client_id scope dpop_jkt interval_seconds created_at expires_at polled_at grant_id denied_at used_at"
        ),
    ),
    Table(
        name="pushed_requests",
        holds="Requests that applications sent ahead of a sign-in.",
        about=_PERSON,
        topic=Topic.TECHNICAL,
        keep=aged(1, "expires_at"),
        erase=Erasure.DELETED,
        because="It goes by its age: nothing leads from the person to it.",
        withheld="digest dpop_jkt",
        technical="client_id parameters created_at expires_at used_at",
    ),
    Table(
        name="trials",
        holds="Try-outs of an application by whoever manages it.",
        about=_PERSON,
        topic=Topic.APPLICATIONS,
        keep=aged(1, "expires_at"),
        erase=Erasure.DELETED,
        person=_OWN,
        personal="report",
        plain="client_id account_id created_at expires_at",
        withheld="digest authorization_url",
        technical="redirect_uri grant_id",
    ),
    Table(
        name="logout_notices",
        holds="Which applications are still to be told that a session ended.",
        about=_PERSON,
        topic=Topic.APPLICATIONS,
        keep=aged(30, "done_at"),
        erase=Erasure.DELETED,
        person=_OWN,
        plain="id client_id account_id session_id created_at due_at attempts done_at trouble",
    ),
    Table(
        name="seen_proofs",
        holds="Proofs of applications that must not come a second time, as hashes.",
        about=_NOBODY,
        topic=Topic.TECHNICAL,
        keep=aged(1, "expires_at"),
        withheld="digest",
        technical="expires_at",
    ),
    Table(
        name="revoked_tokens",
        holds="Tokens that were taken back, until they would have expired.",
        about=_NOBODY,
        topic=Topic.TECHNICAL,
        keep=aged(1, "expires_at"),
        withheld="jti",
        technical="expires_at",
    ),
    Table(
        name="signing_keys",
        holds="The installation's own keys; private parts are sealed.",
        about=_NOBODY,
        topic=Topic.TECHNICAL,
        keep=FOR_INSTALLATION,
        withheld="sealed",
        technical="id purpose algorithm public_jwk created_at signs_from retired_at",
    ),
)
