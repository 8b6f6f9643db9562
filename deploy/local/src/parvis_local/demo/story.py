"""Who is in the demonstration. Everybody is invented; domains are reserved (RFC 2606), SIRENs belong to nobody."""

from collections.abc import Iterator
from dataclasses import dataclass, field

PASSWORD = "Bienvenue!2026"  # noqa: S105 - printed at the end of `./parvis up`


@dataclass(frozen=True, slots=True)
class Who:
    """A person. `signs_in`: activates their account, and is shown among the logins with `note`."""

    given_name: str
    family_name: str
    mail: str
    function: str = ""
    #: Key of a profile that ships: "administrator", "manager", "adviser", "junior", "back_office".
    profile: str = ""
    structure: str = ""
    signs_in: bool = False
    note: str = ""

    @property
    def full_name(self) -> str:
        return f"{self.given_name} {self.family_name}"


@dataclass(frozen=True, slots=True)
class Paper:
    """A document for a contact: built-in key of its folder, file name, title and paragraphs."""

    folder: str
    name: str
    title: str
    text: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bill:
    """An invoice: (description, quantity, unit, price before tax in euros) a line; closed or left as a draft."""

    lines: tuple[tuple[str, str, str, str], ...]
    closed: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class Party:
    """A contact of a firm, with its people; the first `accesses` of them have a portal access."""

    kind: str  # "client", "employee", "supplier"
    name: str
    mail: str
    city: str = ""
    street: str = ""
    postal_code: str = ""
    siren: str = ""
    people: tuple[Who, ...] = ()
    accesses: int = 0
    adviser: str = ""  # mail of the main adviser; the administrator otherwise
    papers: tuple[Paper, ...] = ()
    bills: tuple[Bill, ...] = ()


@dataclass(frozen=True, slots=True)
class Access:
    """A portal access that the demonstration activates."""

    person: Who
    contact: str
    slug: str
    identifier: str


@dataclass(frozen=True, slots=True)
class Firm:
    """A customer of the provider."""

    name: str
    slug: str
    legal_name: str
    legal_form: str
    capital: str
    siren: str
    registry: str
    street: str
    postal_code: str
    city: str
    telephone: str
    mail: str
    accent: str
    iban: str
    structures: tuple[str, ...]
    members: tuple[Who, ...]  # the first is the administrator
    contacts: tuple[Party, ...]
    #: Product → how many seats were bought; none: any number.
    subscribed: dict[str, int | None] = field(default_factory=dict)
    #: Mail of a member → products assigned.
    assigned: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Provider:
    """The publisher that runs the portal."""

    name: str
    administrator: Who
    customers: tuple[Firm, ...]

    def people_who_sign_in(self) -> Iterator[Who]:
        """Each person once, also who belongs to two firms."""
        seen: set[str] = set()
        for person in (self.administrator, *(member for firm in self.customers for member in firm.members)):
            if person.signs_in and person.mail not in seen:
                seen.add(person.mail)
                yield person

    def accesses_that_sign_in(self) -> Iterator[Access]:
        """The first access of each contact that has one; its identifier is the contact's code."""
        for firm in self.customers:
            codes = {"client": 0, "employee": 0, "supplier": 0}
            for party in firm.contacts:
                codes[party.kind] += 1
                if party.accesses:
                    letter = {"client": "C", "employee": "S", "supplier": "F"}[party.kind]
                    yield Access(party.people[0], party.name, firm.slug, f"{letter}{codes[party.kind]:04}")


def vat_number(siren: str) -> str:
    """The French VAT number of a SIREN (CGI, annex II, article 242 nonies A; key as the tax office computes it)."""
    return f"FR{(12 + 3 * (int(siren) % 97)) % 97:02}{siren}"


_KARIM = Who(
    "Karim", "Benhaddou", "karim.benhaddou@conseil.example", "Conseiller", "adviser", signs_in=True,
    note="conseiller de deux cabinets",
)  # fmt: skip

_ORSEL = Firm(
    name="Cabinet Orsel",
    slug="cabinet-orsel",
    legal_name="Orsel & Associés",
    legal_form="SAS",
    capital="40 000 €",
    siren="999000102",
    registry="RCS Nantes",
    street="14 rue des Halles",
    postal_code="44000",
    city="Nantes",
    telephone="02 40 00 00 14",
    mail="contact@orsel.example",
    accent="#1f5f5b",
    iban="FR7630006000011234567890189",
    structures=("Siège de Nantes", "Bureau de Saint-Nazaire"),
    subscribed={"Patrimonia": None, "Fiduvia": 10},
    assigned={"claire.orsel@orsel.example": ("Patrimonia",), _KARIM.mail: ("Patrimonia",)},
    members=(
        Who("Claire", "Orsel", "claire.orsel@orsel.example", "Expert-comptable associée", "administrator",
            signs_in=True, note="administratrice du cabinet"),
        Who("Lucie", "Tanguy", "lucie.tanguy@orsel.example", "Responsable du pôle social", "manager",
            "Siège de Nantes", signs_in=True, note="responsable, tout sauf l’administration du cabinet"),
        _KARIM,
        Who("Nadia", "Ferrand", "nadia.ferrand@orsel.example", "Collaboratrice", "junior", "Bureau de Saint-Nazaire"),
        Who("Paul", "Guérin", "paul.guerin@orsel.example", "Assistant administratif", "back_office", "Siège de Nantes"),
    ),
    contacts=(
        Party(
            "client", "Boulangerie Le Goff", "boulangerie@legoff.example", "Nantes", "3 place du Bouffay", "44000",
            "999000201",
            people=(
                Who("Anne", "Le Goff", "anne@legoff.example", "Gérante"),
                Who("Yann", "Le Goff", "yann@legoff.example", "Comptabilité"),
            ),
            accesses=1,
            papers=(
                Paper("contracts", "Lettre de mission 2026.pdf", "Lettre de mission", (
                    "Nous avons le plaisir de vous confirmer les termes de notre mission pour l’exercice 2026.",
                    "Elle comprend la tenue de votre comptabilité, vos déclarations et vos comptes annuels.",
                    "Vos pièces sont attendues avant le 10 de chaque mois, par votre espace client.",
                )),
                Paper("contracts", "Bilan 2025.pdf", "Comptes annuels 2025", (
                    "Exercice du 1er janvier au 31 décembre 2025.",
                    "Le chiffre d’affaires progresse de 4,2 % et atteint 412 300 €.",
                    "Le résultat net s’établit à 38 900 €.",
                )),
            ),
            bills=(
                Bill((("Tenue comptable, 2e trimestre 2026", "1", "forfait", "780.00"),
                      ("Bulletins de paie", "18", "u", "22.50"))),
                Bill((("Tenue comptable, 3e trimestre 2026", "1", "forfait", "780.00"),
                      ("Bulletins de paie", "18", "u", "22.50"),
                      ("Conseil : embauche d’un apprenti", "1.5", "h", "96.00"))),
            ),
        ),
        Party(
            "client", "Menuiserie Kervella", "atelier@kervella.example", "Saint-Nazaire", "27 rue du Port", "44600",
            "999000300",
            people=(Who("Erwan", "Kervella", "erwan@kervella.example", "Gérant"),),
            adviser=_KARIM.mail,
            accesses=1,
            papers=(
                Paper("contracts", "Attestation de régularité fiscale.pdf", "Attestation de régularité fiscale", (
                    "Nous attestons que l’entreprise est à jour de ses déclarations au 30 septembre 2026.",
                )),
            ),
            bills=(Bill((("Établissement des comptes 2025", "1", "forfait", "2400.00"),)),),
        ),
        Party(
            "client", "Clinique vétérinaire des Tilleuls", "accueil@tilleuls.example", "Rezé", "8 allée des Tilleuls",
            "44400", "999000409",
            people=(Who("Dr Hélène", "Maubert", "h.maubert@tilleuls.example", "Vétérinaire associée"),),
            adviser=_KARIM.mail,
            bills=(Bill((("Mission sociale, octobre 2026", "1", "forfait", "310.00"),), closed=False),),
        ),
        Party("client", "SCI du Quai", "gestion@quai.example", "Nantes", "2 quai de la Fosse", "44000", "999000508"),
        Party("client", "Librairie L’Encrier", "bonjour@encrier.example", "Nantes",
              "19 rue Crébillon", "44000", "999000607",
              people=(Who("Salomé", "Vidal", "salome@encrier.example", "Gérante"),)),
        Party("client", "Garage Morvan", "garage@morvan.example", "Pornic",
              "5 route de la Plage", "44210", "999000706"),
        Party("client", "Café des Cordeliers", "contact@cordeliers.example", "Clisson",
              "1 place Saint-Jacques", "44190",
              "999000805", adviser=_KARIM.mail),
        Party("client", "Studio Fauvette", "studio@fauvette.example", "Nantes", "44 rue Joffre", "44000", "999000904"),
        Party(
            "employee", "Nadia Ferrand", "nadia.ferrand@orsel.example",
            people=(Who("Nadia", "Ferrand", "nadia.ferrand@orsel.example"),),
            papers=(
                Paper("payslips", "Bulletin de paie 2026-10.pdf", "Bulletin de paie, octobre 2026", (
                    "Salaire brut : 2 480,00 €. Net à payer avant impôt : 1 943,17 €.",
                    "Ce bulletin est à conserver sans limitation de durée.",
                )),
            ),
        ),
        Party("employee", "Paul Guérin", "paul.guerin@orsel.example"),
        Party("supplier", "Papeterie de l’Erdre", "ventes@papeterie-erdre.example", "Nantes",
              "6 rue Paul-Bellamy", "44000"),
    ),
)  # fmt: skip

_VALMER = Firm(
    name="Valmer Patrimoine",
    slug="valmer-patrimoine",
    legal_name="Valmer Patrimoine",
    legal_form="SARL",
    capital="15 000 €",
    siren="999001001",
    registry="RCS Lyon",
    street="31 cours Vitton",
    postal_code="69006",
    city="Lyon",
    telephone="04 72 00 00 31",
    mail="contact@valmer.example",
    accent="#5b3f8c",
    iban="FR7630006000011234567890189",
    structures=("Lyon",),
    subscribed={"Patrimonia": 25},
    assigned={"sophie.valmer@valmer.example": ("Patrimonia",)},
    members=(
        Who("Sophie", "Valmer", "sophie.valmer@valmer.example", "Gérante", "administrator", signs_in=True,
            note="administratrice d’un autre cabinet"),
        _KARIM,
    ),
    contacts=(
        Party(
            "client", "M. et Mme Aubertin", "aubertin@famille.example", "Lyon", "12 rue Tête-d’Or", "69006",
            people=(
                Who("Jeanne", "Aubertin", "jeanne@famille.example"),
                Who("Louis", "Aubertin", "louis@famille.example"),
            ),
            accesses=1,
            papers=(
                Paper("contracts", "Bilan patrimonial.pdf", "Bilan patrimonial", (
                    "Ce document présente votre situation au 1er octobre 2026 et trois scénarios de transmission.",
                    "Nous vous proposons d’en parler lors de notre rendez-vous de décembre.",
                )),
            ),
        ),
        Party("client", "Famille Rochebrune", "rochebrune@famille.example", "Annecy", "4 avenue du Lac", "74000",
              adviser=_KARIM.mail),
        Party("client", "Holding Petitjean", "siege@petitjean.example", "Villeurbanne", "90 cours Zola", "69100",
              "999001100"),
    ),
)  # fmt: skip

PROVIDER = Provider(
    "Cadrane",
    Who("Hélène", "Mercadier", "helene.mercadier@cadrane.example", "Directrice des opérations", "administrator",
        signs_in=True, note="administratrice de l’éditeur"),
    (_ORSEL, _VALMER),
)  # fmt: skip

#: Products: name, description, whether it is the product example that runs beside the suite.
PRODUCTS = (
    ("Patrimonia", "Bilans et recommandations patrimoniales", True),
    ("Fiduvia", "Révision et tenue comptable", False),
    ("Actalis", "Actes et secrétariat juridique", False),
)
#: Rights that the product example declares: code, French and English name, whether it can be limited to some clients,
#: what it requires.
DECLARED = (
    ("portfolios.read", "Consulter les portefeuilles", "See portfolios", True, ("contacts.read",)),
    ("portfolios.propose", "Proposer un arbitrage", "Propose a reallocation", True, ("portfolios.read",)),
    ("models.publish", "Publier des allocations types", "Publish model portfolios", False, ()),
)
