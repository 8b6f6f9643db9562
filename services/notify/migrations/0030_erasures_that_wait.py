"""A mail to whoever is an organisation's last administrator when their erasure is due."""

from alembic import op

revision = "0030"
down_revision = "0029"

_KINDS = (
    "'member_invited', 'access_granted', 'document_filed', 'deposit_received', 'password_reset', 'account_imported', "
    "'address_new', 'address_taken', 'address_asked', 'address_changed', 'address_corrected', "
    "'request_confirmation', 'request_received', 'request_accepted', 'request_declined', 'request_expired', "
    "'request_already_member', 'request_access_cut', 'request_closed', 'request_too_soon', "
    "'account_linked', 'account_unlinked', 'password_replaced', "
    "'account_directory_linked', 'account_directory_unlinked', "
    "'factor_added', 'factor_removed', 'factor_refused', 'factor_reset_asked', 'factor_reset_done', "
    "'recovery_codes_renewed', 'recovery_code_used', "
    "'domain_proof', 'domain_lost', 'domain_off', 'domain_claimed', 'domain_shared', "
    "'sign_in_suspicious', 'directory_door', "
    "'directory_added', 'directory_changed', 'directory_live', 'directory_off', 'directory_deleted', "
    "'directory_certificate', 'directory_token', 'directory_address_refused', 'directory_leaver_kept', "
    "'erasure_asked', 'erasure_taken_back', 'erasure_done', 'erasure_waits', "
    "'organisation_closing', 'organisation_closes_soon', 'organisation_reopened', 'organisation_erased', "
    "'account_idle', 'account_idle_kept'"
)


def upgrade() -> None:
    for table in ("templates", "messages"):
        op.drop_constraint(f"{table}_kind", table)
        op.create_check_constraint(f"{table}_kind", table, f"kind IN ({_KINDS})", postgresql_not_valid=True)
