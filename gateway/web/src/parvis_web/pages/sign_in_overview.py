"""How people of the organisation sign in: what is in force, said in words, and the one thing to do next."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.responses import Response

from parvis.identity.v1 import domains_pb2, policies_pb2
from parvis.identity.v1 import providers_pb2 as pb
from parvis.tenancy.v1 import tenancy_pb2
from parvis_ui import formats
from parvis_web.access import Area, staff
from parvis_web.calls import or_down
from parvis_web.directory_words import warnings
from parvis_web.navigation import settings_tabs, sign_in_tabs
from parvis_web.templating import moment
from parvis_web.visit import OrganisationVisit

pages = Area("sign_in_overview", entry="settings.sign_in.overview")


@dataclass(frozen=True, slots=True)
class Fact:
    """A sentence about what is in force, and the page that changes it; empty: none does. `label`: of the link to it."""

    text: str
    href: str = ""
    icon: str = "ok"
    label: str = ""


@dataclass(frozen=True, slots=True)
class Next:
    """The one thing that comes next."""

    title: str
    text: str
    label: str
    href: str


@pages.get("/o/{slug}/settings/sign-in", staff("sign_in.manage"))
async def overview(visit: OrganisationVisit) -> Response:
    """What is in force, and what comes next."""
    clients = visit.clients
    _frame, found, told, mapping, listed = await visit.together(
        or_down(clients.providers.ListProviders(pb.ListProvidersRequest())),
        or_down(clients.policies.GetSignInPolicy(policies_pb2.GetSignInPolicyRequest())),
        or_down(clients.directory.GetDirectoryMapping(tenancy_pb2.GetDirectoryMappingRequest())),
        or_down(clients.domains.ListDomains(domains_pb2.ListDomainsRequest())),
    )
    context: dict[str, object] = {
        "tabs": settings_tabs(visit),
        "subtabs": sign_in_tabs(visit),
        "here": f"{visit.base}/settings/sign-in",
        "down": True,
        "warnings": [],
        "next": None,
    }
    if found is not None and told is not None and mapping is not None and listed is not None:
        state = InForce(visit, tuple(found.providers), told, mapping, tuple(listed.domains))
        context |= {
            "down": False,
            "facts": [*state.directories(), *state.domains(), *state.arrivals(), *state.otherwise(), *state.factors()],
            "next": state.next(),
            "unknown": told.unknown,
            "unknown_total": told.unknown_total,
            "people": f"{visit.base}/settings/people",
            "warnings": [(each.id, warning) for each in found.providers for warning in warnings(visit.words, each)],
        }
    return visit.render("sign_in/overview.html", context)


class InForce:
    """How somebody enters the organisation, in sentences."""

    def __init__(
        self,
        visit: OrganisationVisit,
        providers: tuple[pb.SsoProvider, ...],
        told: policies_pb2.SignInPolicies,
        mapping: tenancy_pb2.DirectoryMapping,
        domains: tuple[domains_pb2.Domain, ...],
    ) -> None:
        self._words = visit.words
        self._base = f"{visit.base}/settings/sign-in"
        self._providers = providers
        self._live = [each for each in providers if each.state == pb.PROVIDER_STATE_LIVE]
        self._told = told
        self._mapping = mapping
        self._domains = domains
        #: Nobody has decided: a directory in service is offered.
        self._off = told.policy.version > 0 and told.policy.sso == policies_pb2.SSO_MODE_OFF

    def directories(self) -> Iterator[Fact]:
        """Each directory that counts for somebody."""
        _ = self._words
        for each in self._providers:
            page = f"{self._base}/directories/{each.id}"
            if each.state == pb.PROVIDER_STATE_OFF:
                yield Fact(_("%(name)s is out of service: nobody signs in with it.", name=each.name), page, "off")
            elif each.state != pb.PROVIDER_STATE_LIVE:
                continue
            elif self._off:
                said = _("%(name)s is in service, but your demands say that nobody signs in with it.", name=each.name)
                yield Fact(said, f"{self._base}/policy", "warn")
            elif each.people:
                said = _.plural(
                    "One person signs in with %(name)s.", "%(num)s people sign in with %(name)s.", each.people,
                    name=each.name,
                )  # fmt: skip
                yield Fact(said, page, "firm")
            else:
                yield Fact(_("%(name)s is in service. Nobody has signed in with it yet.", name=each.name), page, "firm")

    def domains(self) -> Iterator[Fact]:
        """Whose addresses lead to a directory."""
        _, page = self._words, f"{self._base}/domains"
        lost = [each.shown for each in self._domains if each.state == domains_pb2.DOMAIN_STATE_LOST]
        if lost:
            yield Fact(_("The proof of %(domains)s is not found any more.", domains=", ".join(lost)), page, "warn")
        proven = [each.shown for each in self._domains if each.state == domains_pb2.DOMAIN_STATE_VERIFIED]
        if proven and self._live and not self._off:
            said = _("Whoever types an address of %(domains)s is led there.", domains=", ".join(proven))
            yield Fact(said, page, "mail")

    def arrivals(self) -> Iterator[Fact]:
        """What whoever comes from a directory receives."""
        _, mapping = self._words, self._mapping
        if not self._live or self._off:
            return
        page, default = f"{self._base}/mapping", mapping.default_profile_name
        if mapping.rules:
            rules = _.plural(
                "One rule gives profiles to the groups of your directory.",
                "%(num)s rules give profiles to the groups of your directory.", len(mapping.rules),
            )  # fmt: skip
            other = (
                _("Everybody else receives the profile %(profile)s.", profile=default)
                if default
                else _("Everybody else has no access.")
            )
            yield Fact(f"{rules} {other}", page, "people")
        elif default:
            yield Fact(_("Whoever arrives receives the profile %(profile)s.", profile=default), page, "people")
        else:
            yield Fact(_("Nobody who arrives has an access yet: no profile is given."), page, "warn")

    def otherwise(self) -> Iterator[Fact]:
        """Whether one enters without a directory."""
        _, policy = self._words, self._told.policy
        if policy.sso == policies_pb2.SSO_MODE_ENFORCED:
            chosen = set(policy.break_glass)
            names = [each.name for each in self._told.candidates if each.account_id in chosen]
            said = (
                _("Nobody enters otherwise, but in an emergency: %(names)s.", names=", ".join(names))
                if names
                else _("Nobody enters otherwise.")
            )
            yield Fact(said, f"{self._base}/policy", "lock")
        elif self._live and not self._off:
            yield Fact(_("Passwords remain possible beside it."), f"{self._base}/policy", "key")
        else:
            yield Fact(_("Everybody signs in with a mail address and a password."), icon="key")

    def factors(self) -> Iterator[Fact]:
        """What is asked for beside a password."""
        _, told = self._words, self._told
        page = f"{self._base}/policy"
        if told.policy.factors == policies_pb2.FACTOR_MODE_REQUIRED:
            since = moment(told.policy.required_from)
            if since is not None and since > datetime.now(UTC):
                day = formats.long_date(since.date(), _.language)
                said = _("A second factor is required from %(day)s on.", day=day)
            else:
                said = _("A second factor is required.")
            if told.without_factor:
                said += " " + _.plural(
                    "One of %(all)s people has none yet.", "%(num)s of %(all)s people have none yet.",
                    told.without_factor, all=told.affected,
                )  # fmt: skip
            yield Fact(said, page, "shield")
        elif told.policy.factors == policies_pb2.FACTOR_MODE_OFF:
            yield Fact(_("No second factor is asked for."), page, "shield")
        else:
            yield Fact(_("Whoever wants to adds a second factor; nobody has to."), page, "shield")

    def next(self) -> Next | None:
        """The one thing to do; None: nothing is left open."""
        _ = self._words
        if not self._providers:
            return Next(
                _("Let your colleagues sign in with the firm’s own directory"),
                _(
                    "Microsoft Entra ID, Google Workspace, Okta or another: one password less, and whoever leaves the "
                    "firm loses access here too. It takes about a quarter of an hour, and changes nothing until you "
                    "put "
                    "it in service."
                ),
                _("Add a directory"),
                f"{self._base}/directories/new",
            )
        draft = next((each for each in self._providers if each.state == pb.PROVIDER_STATE_DRAFT), None)
        if draft is not None:
            return Next(
                _("Finish setting up %(name)s", name=draft.name),
                _("It was tested. Nothing is left but to put it in service.")
                if draft.HasField("tried_at")
                else _("It changes nothing for anybody until it was tested and put in service."),
                _("Go on"),
                f"{self._base}/directories/{draft.id}",
            )
        page = f"{self._base}/mapping"
        if self._live and not self._mapping.rules and not self._mapping.default_profile_id:
            return Next(
                _("Choose what whoever arrives may do"),
                _(
                    "Your directory says who somebody is; the profile says what they may do here. Give one to each "
                    "group, or one to everybody. Without it nobody new enters."
                ),
                _("Choose profiles"),
                page,
            )
        page = f"{self._base}/domains"
        if self._live and not self._domains:
            return Next(
                _("Prove that your mail domain is yours"),
                _(
                    "Whoever then types their address on the sign-in page is led to your directory by themselves. A "
                    "record in your DNS proves it, or a mail to its postmaster."
                ),
                _("Add a domain"),
                page,
            )
        return None
