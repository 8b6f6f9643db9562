"""What is deleted because it is too old to matter, and after how long; hourly ones are found on an index."""

from datetime import timedelta

from parvis_records.retention import Term, days

_HOUR, _DAY, _MONTH = timedelta(hours=1), days(1), days(30)


def swept(
    *, sessions: int = 90, links: int = 90, viewings: int = 365, changes: int = 365, directory_log: int = 365
) -> tuple[Term, ...]:
    """The terms; what people and firms may want to look up is kept for as many days as is said."""
    return (
        Term("sign_in_attempts", "last_at", _DAY),
        Term("sessions", "last_seen_at", days(sessions)),  # with a session go its grants
        Term("authorization_codes", "expires_at", _DAY),
        Term("pushed_requests", "expires_at", _HOUR),
        Term("device_codes", "expires_at", _HOUR),
        Term("seen_proofs", "expires_at", _HOUR),
        Term("revoked_tokens", "expires_at", _HOUR),
        Term("trials", "expires_at", _HOUR, "grant_id IS NOT NULL"),
        Term("refresh_tokens", "expires_at", days(sessions)),
        # Links of invitations that stand remain: they say that the account is invited.
        Term("links", "expires_at", days(links), "purpose = 'activation' AND used_at IS NULL AND revoked_at IS NULL"),
        Term("access_requests", "expires_at", _MONTH),
        Term("sso_attempts", "expires_at", _HOUR),
        Term("sso_warnings", "told_at", _DAY),
        Term("idle_notices", "told_at", days(730)),
        Term("pending_sign_ins", "expires_at", _HOUR),
        Term("trusted_devices", "expires_at", _MONTH),
        Term("logout_notices", "done_at", _MONTH),
        Term("viewings", "started_at", days(viewings)),
        # Ended by then, however they ended: no address comes back after weeks.
        Term("address_changes", "asked_at", days(changes), daily=True),
        Term("factor_resets", "ended_at", days(changes), daily=True),
        Term("scim_log", "minute", days(directory_log), owned=True),
    )


#: As they are without settings.
SWEPT = swept()
