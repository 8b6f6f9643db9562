"""What could go wrong in the rules of rights, a fault each: in how they are declared, applied, read and queried."""

from seeding import Fault

SCOPES = "tenancy.domain.scopes:Hierarchy"
FACTS = "tenancy.domain.facts:Facts"
RULES = "tenancy.domain.decisions"
READ = "tenancy.store.facts"
QUERY = "tenancy.store.decisions"
LISTS = "tenancy.store.contact_lists"

OF_SCOPES = [
    Fault("siblings are forgotten in grant sets", f"{SCOPES}.related",
          "member if relation is Relation.BELOW else self.superiors.get(member)", "member"),
    Fault("siblings are forgotten in single decisions", f"{SCOPES}.relates",
          "member if relation is Relation.BELOW else self.superiors.get(member)", "member"),
    Fault("only those directly below are attached", f"{SCOPES}.below", "for each in found:", "for each in ():"),
    Fault("only the direct superior is above", f"{SCOPES}.above",
          "superior = self.superiors.get(superior)", "superior = None"),
    Fault("nobody is their own adviser", f"{SCOPES}.related", "frozenset((member,))", "frozenset()"),
    Fault("those at the top are a group", f"{SCOPES}.relates",
          "top is not None and top in self.above(adviser)", "top is None or top in self.above(adviser)"),
    Fault("a group includes the superior", f"{SCOPES}.relates",
          "top in self.above(adviser)", "(top == adviser or top in self.above(adviser))"),
]  # fmt: skip

OF_RIGHTS = [
    Fault("a personal withdrawal is ignored", "tenancy.domain.rights:with_difference",
          "| dict(difference)", "| {code: scope for code, scope in difference.items() if scope}"),
    Fault("a personal scope is ignored", "tenancy.domain.rights:with_difference",
          "int(scope) for code, scope in rights.items()} | dict(difference)",
          "scope for code, scope in difference.items()} | {code: int(scope) for code, scope in rights.items()}"),
    Fault("an administrator's difference counts", f"{FACTS}._rights_of",
          "member.personal and member.profile.built_in != ADMINISTRATOR", "member.personal"),
    Fault("what concerns everybody is held in a tier", f"{FACTS}._rights_of", "member.tier is None", "True"),
    Fault("a tier is its structure alone", f"{FACTS}.is_within",
          "while structure is not None and structure != tier", "if False"),
    Fault("a tier ends one level below", f"{FACTS}.is_within", "while structure", "if structure"),
    Fault("grant sets know the tier alone", f"{FACTS}.structures_within",
          "self.is_within(each, tier)", "each == tier"),
    Fault("a right that has no scope keeps an old one", "tenancy.domain.rights:of_profile",
          "Scope(scope) if existing[code].scoped else Scope.ALL", "Scope(scope)"),
    Fault("rights of products that are not subscribed exist", f"{READ}:_STAFF",
          "AND s.provider_id = r.provider_id AND s.product_id = r.product_id", "AND s.provider_id = r.provider_id"),
]  # fmt: skip

OF_DELEGATIONS = [
    Fault("a delegation's end is inclusive", "tenancy.domain.facts:Delegation.holds", "at < self.ends_at",
          "at <= self.ends_at", beside=Fault("", f"{READ}:_STAFF", "d.ends_at > $2", "d.ends_at >= $2")),
    Fault("a delegation begins an instant late", "tenancy.domain.facts:Delegation.holds", "self.starts_at <= at",
          "self.starts_at < at"),
    Fault("whoever was cut still lends", f"{RULES}:grants_of", "delegator.active and", ""),
    Fault("every right is lent, whichever was chosen", f"{RULES}:grants_of",
          "right not in delegation.codes", "False"),
    Fault("rights over no contact are lent", f"{RULES}:grants_of", "not facts.catalogue[right].scoped", "False"),
    Fault("what is lent has the deputy's reach", f"{RULES}:grants_of",
          "yield Grant(lent, delegator, delegation)", "yield Grant(lent, member, delegation)"),
    Fault("only the first of several grants counts", f"{RULES}:_of_member", "for grant in grants if",
          "for grant in grants[:1] if"),
    Fault("grant sets know the first grant alone", f"{RULES}:compile_staff",
          "grants if right.scoped else grants[:1]", "grants[:1]"),
    Fault("one member's reach is used for another", f"{RULES}:compile_staff", "(grant.scope, grant.holder.id)",
          "(grant.scope, member.id)"),
    Fault("everything and something is something", f"{RULES}:_union", "return None", "continue"),
]  # fmt: skip

OF_DECISIONS = [
    Fault("whoever was cut still decides", f"{RULES}:decide", "not member.active", "False"),
    Fault("the first adviser alone counts", f"{RULES}:path_to", "sorted(advisers)", "sorted(advisers)[:1]"),
    Fault("the nearest relation alone counts", f"{RULES}:path_to", "in relations:", "in relations[:1]:"),
    Fault("who reaches everything misses what has no adviser", f"{RULES}:path_to",
          "return Path(grant)\n", "return Path(grant) if advisers else None\n"),
    Fault("contacts are out of nobody's scope", f"{RULES}:_of_member", 'question.type != "contact" or', "True or"),
    Fault("tiers are ignored", f"{RULES}:_over_a_member", "member.tier is None", "True"),
    Fault("an access that was cut still opens", f"{RULES}:_against_portal", "not portal.active", "False"),
    Fault("an access holds every right", f"{RULES}:_against_portal", "question.right not in PORTAL_RIGHTS", "False"),
    Fault("an access reaches every contact", f"{RULES}:_against_portal", "not in portal.contacts", "is None"),
    Fault("products open unassigned", f"{RULES}:_against_product", '"not_assigned"', '""'),
    Fault("products open unsubscribed", f"{RULES}:_against_product", "product not in facts.subscribed", "False"),
]  # fmt: skip

OF_READING = [
    Fault("what was ended is read as standing", f"{READ}:_QUESTION", "d.ended_at IS NULL AND ", ""),
    Fault("what was withdrawn is read as declared", f"{READ}:_STAFF",
          "r.withdrawn_at IS NULL OR r.withdrawn_at > $2", "true"),
    Fault("superiors are read one level up", f"{READ}:_QUESTION",
          "UNION SELECT m.id, m.manager_id FROM chain c JOIN memberships m ON m.organisation_id = $1"
          " AND m.id = c.manager_id", ""),
    Fault("those who lend are not read", f"{READ}:_QUESTION", " OR m.id IN (SELECT from_id FROM standing)", ""),
    Fault("the hierarchy is not read where scopes need it", "tenancy.store.rights:_needs_hierarchy",
          "return any(", "return False and any("),
]  # fmt: skip

OF_QUERIES = [
    Fault("SQL: a delegation's end is inclusive", f"{QUERY}:_SUBJECTS", "$2 < d.ends_at", "$2 <= d.ends_at"),
    Fault("SQL: a delegation begins an instant late", f"{QUERY}:_SUBJECTS", "d.starts_at <= $2", "d.starts_at < $2"),
    Fault("SQL: a delegation that was ended stands", f"{QUERY}:_SUBJECTS", "d.ended_at IS NULL AND ", ""),
    Fault("SQL: whoever was cut still borrows", f"{QUERY}:_SUBJECTS", " AND t.state = 2", ""),
    Fault("SQL: whoever was cut still holds", f"{QUERY}:_HOLDERS", "m.state = 2 AND NOT", "NOT"),
    Fault("SQL: the profile comes before the difference", f"{QUERY}:_SUBJECTS",
          "coalesce(p.scope, r.scope, 0)", "coalesce(r.scope, p.scope, 0)"),
    Fault("SQL: what concerns everybody is held in a tier", f"{QUERY}:_HOLDERS", "NOT ($5 AND m.tier_id IS NOT NULL)",
          "NOT ($5 AND false)"),
    Fault("SQL: only the direct superior is above", f"{QUERY}:_SUBJECTS",
          "SELECT m.id, m.manager_id, least(c.depth + 1, 1) FROM chain c",
          "SELECT m.id, NULL, least(c.depth + 1, 1) FROM chain c"),
    Fault("SQL: the group is the superior's own contacts", f"{QUERY}:_SUBJECTS",
          "c.depth = 1 AND c.member = g.superior", "c.depth = 0 AND c.member = g.superior"),
    Fault("SQL: an access that was cut still opens", f"{QUERY}:_SUBJECTS", "m.kind = 2 AND m.state = 2", "m.kind = 2"),
    Fault("SQL: an access holds every right", f"{QUERY}:_SUBJECTS", "x.contact_id = $6 AND $7",
          "x.contact_id = $6 AND ($7 OR true)"),
    Fault("SQL: reach stops one level below", f"{QUERY}:_ADVISERS",
          "UNION SELECT m.id FROM below b JOIN memberships m ON m.organisation_id = $1 AND m.manager_id = b.id", ""),
    Fault("a page begins with the last one's end", f"{QUERY}:_SUBJECTS",
          "(m.sort_key, m.id) > (", "(m.sort_key, m.id) >= ("),
    Fault("a page skips those of the same name", f"{QUERY}:_HOLDERS",
          "(m.sort_key, m.id) > ($6, $7)", "(m.sort_key > $6 OR $6 = '') AND m.id <> $7"),
    Fault("a page of contacts is one short", f"{LISTS}:_MERGED",
          "ORDER BY key, id LIMIT $4", "ORDER BY key, id LIMIT $4 - 1"),
    Fault("a page of contacts is out of order", f"{LISTS}:_MERGED",
          "ORDER BY key, id LIMIT $4", "ORDER BY id LIMIT $4"),
]  # fmt: skip

#: Noticed by whoever walks (test_ceiling.py): what acts may do, and what is remembered from one question to the next.
OF_ACTS = [
    Fault("nobody measures what an act gives", "tenancy.domain.ceiling:beyond", "return tuple(sorted(found))",
          "return ()"),
    Fault("what is reached further is not measured", "tenancy.domain.ceiling:_more", "(becomes & known) - was",
          "_NOTHING"),
    Fault("tiers are no ceiling", "tenancy.domain.ceiling:unlimited",
          'not (member.tier is not None and facts.catalogue[code].limited_by == "member")', "True"),
    Fault("members outside a tier are changed", "tenancy.service.authority:in_tier", "structure_id not in tier",
          "False"),
    Fault("the last administrator goes", "tenancy.service.authority:keep_an_administrator",
          "not await rights.other_administrators(unit, membership.id)", "False"),
    Fault("an administrator of a part is enough", "tenancy.store.rights:_OTHER_ADMINISTRATORS", "AND tier_id IS NULL",
          ""),
    Fault("what requires a right stays without it", "tenancy.domain.rights:settle", "while bare := [",
          "while bare := 0 and ["),
    Fault("what was known is never asked again", "tenancy.store.known:Known.for_question",
          'not rows[0]["fresh"]', "False"),
    Fault("every change counts as one of advisers", "tenancy.store.known:_SINCE", "AND c.act = ANY($4)",
          "AND c.act <> ALL($4)"),
    Fault("the past is what it was an act later", "tenancy.store.facts:_past", "AND h.until > {int(revision)}",
          "AND h.until >= {int(revision)}"),
]  # fmt: skip

FAULTS = [*OF_SCOPES, *OF_RIGHTS, *OF_DELEGATIONS, *OF_DECISIONS, *OF_READING, *OF_QUERIES]
