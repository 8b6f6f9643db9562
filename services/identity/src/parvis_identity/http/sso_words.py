"""Why a sign-in with a firm's provider ends, in words: what happened, and what to do."""

from typing import Any

#: The person's own sign-in took too long, was left, or came twice.
_AGAIN = frozenset({"attempt_unknown", "attempt_expired", "attempt_used", "browser_differs", "session_ended"})
#: The provider cannot be reached, or says something that is no answer.
_TROUBLE = frozenset({
    "provider_not_reached", "keys_not_reached", "token_answer_unreadable", "userinfo_unreadable", "metadata_unreadable",
    "metadata_missing", "key_unknown",
})  # fmt: skip

_TOO_OFTEN = "starts_too_many"
#: Of both protocols.
_SAME = {"authentication_not_fresh": "sign_in_not_fresh"}


def status_of(check: str) -> int:
    """Too often, over, somebody else's trouble, or forbidden."""
    if check == _TOO_OFTEN:
        return 429
    return 410 if check in _AGAIN else 503 if check in _TROUBLE else 403


def refusal_in_words(_: Any, check: str, provider: str) -> tuple[str, str]:
    """A title, and what to do. `provider`: its name, empty when it is not known."""
    name = provider or _("your firm's directory")
    if check in _AGAIN:
        return (
            _("This sign-in cannot be finished"),
            _("It took more than ten minutes, was finished already, or was begun in another window. Start again."),
        )
    if check in _TROUBLE:
        return (
            _("%(name)s does not answer as it should", name=name),
            _("You are not signed in. Try again in a moment; if it goes on, tell your firm's administrator."),
        )
    not_in_use = (
        _("%(name)s is not in use here", name=name),
        _("Sign in another way, or ask your firm's administrator."),
    )
    by_check: dict[str, tuple[str, str]] = {
        _TOO_OFTEN: (
            _("Too many sign-ins were begun here"),
            _(
                "They were begun at your network's address and not finished. Wait a minute, then start again; if it "
                "goes on, tell whoever looks after your network."
            ),
        ),
        "provider_refused": (
            _("%(name)s did not sign you in", name=name),
            _("You cancelled, or your account there may not use the portal. Your firm's administrator can allow it."),
        ),
        "provider_not_live": not_in_use,
        "sso_off": not_in_use,
        "account_closed": (
            _("Your access is closed"),
            _("Your firm has closed your account. Ask its administrator if this is a mistake."),
        ),
        "address_of_another_account": (
            _("This address belongs to somebody else's account"),
            _("Nothing was linked, and nobody was signed in. Your firm's administrator has been told and can help."),
        ),
        "invitation_first": (
            _("You have an invitation to open first"),
            _("It was sent to you by mail: open its link and sign in from there. Your firm can send it again."),
        ),
        "known_elsewhere": (
            _("You sign in with another directory of your firm"),
            _(
                "Start again with that one. If your firm has moved to %(name)s, its administrator can turn the other "
                "one off.",
                name=name,
            ),
        ),
        "somebody_else": (
            _("You signed in as somebody else"),
            _("Sign in at %(name)s with the account that you are signed in with here.", name=name),
        ),
        "sign_in_not_fresh": (
            _("%(name)s did not ask who you are", name=name),
            _("What you want to do needs a new sign-in there. Sign out of it, then start again."),
        ),
        "auth_time_missing": (
            _("%(name)s does not say when you signed in", name=name),
            _(
                "So a new sign-in cannot be told from an old one. Sign out here, sign in again and add a second factor "
                "within ten minutes; or ask your firm's administrator to have %(name)s send auth_time.",
                name=name,
            ),
        ),
        "no_access_no_profile": (
            _("Your firm has not given you access yet"),
            _(
                "You are signed in at %(name)s, but none of your groups opens the portal. Ask your administrator.",
                name=name,
            ),
        ),
        "no_access_not_given": (
            _("Your firm has not given you access yet"),
            _("Your groups give a profile that cannot be given at the moment. Ask your firm's administrator."),
        ),
        "no_access_cut": (
            _("Your access is closed"),
            _("Somebody at your firm has ended your access. Ask its administrator if this is a mistake."),
        ),
        "no_access_left": (
            _("Your access is closed"),
            _("Your firm's directory says that you have left. Ask its administrator if this is a mistake."),
        ),
    }
    return by_check.get(_SAME.get(check, check)) or (
        _("The answer of %(name)s was refused", name=name),
        _("You are not signed in. Start again; if it happens again, give your administrator the word below."),
    )
