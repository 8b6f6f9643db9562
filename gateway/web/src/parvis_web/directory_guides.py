"""How a firm's directory is told about the portal: for each kind, what to do in its own console, with the words that
stand there, and which values to paste.
"""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from parvis_web.sentences import N_

#: A value of ours that is pasted there.
Value = Literal["redirect", "signed_out", "logout", "entity_id", "acs", "slo", "metadata"]

VALUES: dict[Value, str] = {
    "redirect": N_("Address to come back to (redirect URI)"),
    "signed_out": N_("Address after signing out (post-logout redirect URI)"),
    "logout": N_("Address that is told of a sign-out (back-channel logout)"),
    "entity_id": N_("Our entity ID"),
    "acs": N_("Where answers go (ACS, HTTP-POST)"),
    "slo": N_("Where sign-outs go (SLO)"),
    "metadata": N_("Our metadata"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do there, and the values that it needs."""

    text: str
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Guide:
    """One kind of directory. `where`: what is asked for instead of the issuer, and what makes the issuer of it."""

    key: str
    name: str
    about: str
    steps: tuple[Step, ...]
    kind: Literal["oidc", "saml"] = "oidc"
    client_id: str = N_("Client ID")
    secret: str = N_("Client secret")
    where: str = N_("Issuer")
    where_help: str = N_("The address that its documents call issuer; its discovery document is below it.")
    where_example: str = "https://login.example.com"
    #: `{}` is what was typed; empty: it is the issuer itself.
    issuer: str = ""
    #: What stands on the button unless somebody chooses another name; empty: the protocol.
    label: str = ""
    #: What its groups look like.
    groups: str = N_("Groups arrive in the claim “groups”, as the provider names them.")

    @property
    def button(self) -> str:
        """What the button says by itself."""
        return self.label or self.name

    def issuer_of(self, typed: str) -> str:
        """The issuer, from what was typed: a tenant, a host, or the address itself."""
        typed = typed.strip()
        if self.key != "oidc":  # elsewhere the issuer's name may end so
            typed = typed.rstrip("/")
        if not self.issuer:
            return typed.removesuffix("/.well-known/openid-configuration")
        if "://" in typed:
            try:
                parts = urlsplit(typed)
            except ValueError:  # identity says what is wrong with it
                return typed
            if self.key == "okta" and not parts.path.startswith("/oauth2"):
                return f"{parts.scheme}://{parts.netloc}"
            return typed.removesuffix("/.well-known/openid-configuration")
        return self.issuer.format(typed) if typed or "{}" not in self.issuer else ""

    def typed_of(self, issuer: str) -> str:
        """What is shown in the form for an issuer."""
        before, _here, after = self.issuer.partition("{}")
        if self.issuer and issuer.startswith(before) and issuer.endswith(after):
            return issuer.removeprefix(before).removesuffix(after) if after or before else issuer
        return issuer


_GUIDES = (
    Guide(
        "entra",
        "Microsoft Entra ID",
        N_("Firms with Microsoft 365. Formerly Azure AD."),
        (
            Step(N_("Open entra.microsoft.com as an administrator: App registrations, then New registration.")),
            Step(
                N_(
                    "Name it Parvis, choose “Accounts in this organizational directory only”, and under Redirect URI "
                    "choose Web and paste this address. Register."
                ),
                ("redirect",),
            ),
            Step(
                N_(
                    "Under Certificates & secrets, create a client secret and copy its Value at once: it is shown "
                    "only then. Note when it expires."
                )
            ),
            Step(
                N_(
                    "Under Token configuration, add the optional claims email, given_name, family_name and auth_time "
                    "to the ID token, and a groups claim if groups are to decide about profiles."
                )
            ),
            Step(N_("Go back to Overview: the two identifiers that we ask for next stand there.")),
        ),
        client_id=N_("Application (client) ID"),
        secret=N_("Client secret (its Value, not its ID)"),
        where=N_("Directory (tenant) ID"),
        where_help=N_("On the Overview page of the registration."),
        label="Microsoft",
        where_example="8c0f4a1e-6d2b-4f7c-9a35-1b7e2d904c66",
        issuer="https://login.microsoftonline.com/{}/v2.0",
        groups=N_("Entra ID sends each group as its object ID, a long identifier, not by its name."),
    ),
    Guide(
        "google",
        "Google Workspace",
        N_("Firms with Google accounts of their own."),
        (
            Step(
                N_(
                    "Open console.cloud.google.com, choose a project, and in Google Auth Platform, under Audience, "
                    "choose Internal: only accounts of your organisation are let in."
                )
            ),
            Step(
                N_(
                    "Under Clients, create a client of the type Web application, and paste this under Authorized "
                    "redirect URIs."
                ),
                ("redirect",),
            ),
            Step(N_("Copy the client ID and the client secret that it shows.")),
        ),
        label="Google",
        where_example="https://accounts.google.com",
        issuer="https://accounts.google.com",
        groups=N_("Google sends no groups: whoever arrives receives the default profile."),
    ),
    Guide(
        "okta",
        "Okta",
        N_("Your own Okta organisation, by OpenID Connect."),
        (
            Step(
                N_(
                    "In the Admin Console: Applications, Create App Integration, “OIDC - OpenID Connect”, “Web "
                    "Application”."
                )
            ),
            Step(N_("Paste this under Sign-in redirect URIs."), ("redirect",)),
            Step(N_("Paste this under Sign-out redirect URIs."), ("signed_out",)),
            Step(N_("Under Assignments, choose who may use it, and save.")),
            Step(
                N_(
                    "If groups are to decide about profiles: on the Sign On tab, under OpenID Connect ID Token, set "
                    "the "
                    "groups claim filter to “groups”, “Matches regex”, “.*”."
                )
            ),
        ),
        label="Okta",
        where=N_("Okta domain"),
        where_help=N_("As in the address of your Okta, without “-admin”."),
        where_example="cabinet.okta.com",
        issuer="https://{}",
        groups=N_("Okta sends the names of groups, once the claim of the last step is set."),
    ),
    Guide(
        "keycloak",
        "Keycloak",
        N_("A Keycloak of your own, or one that is run for you."),
        (
            Step(
                N_(
                    "In your realm: Clients, Create client, type OpenID Connect, client ID “parvis”. Then Client "
                    "authentication on, and only Standard flow ticked."
                )
            ),
            Step(N_("Paste this under Valid redirect URIs."), ("redirect",)),
            Step(N_("Paste this under Valid post logout redirect URIs."), ("signed_out",)),
            Step(N_("Once it is saved, paste this under Backchannel logout URL."), ("logout",)),
            Step(
                N_(
                    "If groups are to decide about profiles: Client scopes, parvis-dedicated, add a mapper of the type "
                    "Group Membership, with Token Claim Name “groups” and Full group path off."
                )
            ),
            Step(N_("On the Credentials tab, copy the client secret.")),
        ),
        label="Keycloak",
        where=N_("Address of the realm"),
        where_help=N_("It ends with /realms/ and the name of the realm."),
        where_example="https://login.example.com/realms/cabinet",
        groups=N_("Keycloak sends the names of groups, once the mapper is there."),
    ),
    Guide(
        "oidc",
        "OpenID Connect",
        N_("Any other provider that speaks OpenID Connect: ADFS 2016 and newer, Ping, Authentik, LemonLDAP::NG…"),
        (
            Step(
                N_(
                    "Register a confidential web client with the authorization code flow and PKCE, and this "
                    "redirect URI."
                ),
                ("redirect",),
            ),
            Step(
                N_("Where it has a place for them, these too: people then sign out on both sides."),
                ("signed_out", "logout"),
            ),
            Step(
                N_("Have it send given_name, family_name and email, and groups if they are to decide about profiles.")
            ),
        ),
    ),
    Guide(
        "saml",
        "SAML 2.0",
        N_("Any provider that speaks SAML 2.0: AD FS, Shibboleth, SimpleSAMLphp, or one of the above by SAML."),
        (
            Step(
                N_("Add a SAML service provider (in Entra ID: an enterprise application) with our metadata."),
                ("metadata",),
            ),
            Step(N_("If it reads no metadata, paste these one by one."), ("entity_id", "acs", "slo")),
            Step(
                N_(
                    "Choose an identifier (NameID) that stays with the person for life, in the format persistent. A "
                    "mail "
                    "address passes from one person to another: we do not recognise people by it."
                )
            ),
            Step(
                N_(
                    "Have it sign its assertions, and send given name, family name, mail, and groups if they decide "
                    "about profiles."
                )
            ),
        ),
        kind="saml",
        groups=N_("Groups arrive in the attribute “groups”, as the provider names them."),
    ),
)
GUIDES = {guide.key: guide for guide in _GUIDES}
