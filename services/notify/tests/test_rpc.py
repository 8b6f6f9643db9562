"""Templates and history as the pages call them."""

import pytest
from notify_stage import PORTAL, filed, invited

from parvis.notify.v1 import notify_pb2 as pb
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.ids import uuid7
from parvis_notify.domain.kinds import Kind as MailKind
from parvis_notify.models import Model
from parvis_notify.rpc import MessageRpc, TemplateRpc

FILED = pb.TEMPLATE_KIND_DOCUMENT_FILED
templates = TemplateRpc(PORTAL)
messages = MessageRpc(PORTAL)


@pytest.fixture
def call(database, caller):
    """Calls an RPC in a unit of work of a member of an organisation."""

    async def call(method, organisation_id, request):
        async with database.begin(caller(organisation_id)) as unit:
            return await method(unit, request)

    return call


def template(**changes):
    values = {"kind": FILED, "locale": "fr", "subject": "Pour #client#", "body": "Voici #document#.\n\n#lien#"}
    return pb.SaveTemplateRequest(template=pb.Template(**{**values, **changes}))


async def test_every_kind_is_listed_in_both_languages(call):
    found = await call(templates.ListTemplates, uuid7(), pb.ListTemplatesRequest())
    assert len(found.templates) == 2 * len(MailKind)
    assert not any(each.customised for each in found.templates)


async def test_template_says_which_fields_it_may_use(call):
    found = await call(templates.GetTemplate, uuid7(), pb.GetTemplateRequest(kind=FILED, locale="fr"))
    assert {"lien", "document", "société"} <= {field.name for field in found.fields}
    assert [field.name for field in found.fields if field.required] == ["lien"]


async def test_own_words_are_used_from_then_on(call, suite, firm, contact, mailbox):
    await call(templates.SaveTemplate, firm.id, template())
    await suite.tell(firm.id, filed(contact))
    row = await suite.message_to(firm.id, contact.addresses.main)
    assert mailbox.to(contact.addresses.main)[0]["Subject"] == "Pour Menuiserie Kerautret"
    assert row["template_version"] == 1


async def test_unknown_field_is_refused_when_saved(call):
    with pytest.raises(ServiceError) as refused:
        await call(templates.SaveTemplate, uuid7(), template(subject="#docment#"))
    [violation] = refused.value.violations
    assert refused.value.kind is Kind.INVALID
    assert (violation.field, violation.reason) == ("subject", "merge_field_unknown")
    assert violation.params == {"field": "docment", "nearest": "document"}


async def test_somebody_elses_change_is_not_overwritten(call):
    firm = uuid7()
    await call(templates.SaveTemplate, firm, template())
    with pytest.raises(ServiceError, match="stale_version"):
        await call(templates.SaveTemplate, firm, template())


async def test_reset_brings_the_shipped_text_back_and_goes_on_counting(call):
    firm = uuid7()
    shipped = await call(templates.GetTemplate, firm, pb.GetTemplateRequest(kind=FILED, locale="fr"))
    await call(templates.SaveTemplate, firm, template())
    back = await call(templates.ResetTemplate, firm, pb.ResetTemplateRequest(kind=FILED, locale="fr"))
    assert (back.subject, back.customised, back.version) == (shipped.subject, False, 2)
    again = await call(templates.SaveTemplate, firm, template(version=2))
    assert (again.customised, again.version) == (True, 3)


async def test_reset_mail_is_not_a_firms_to_word(call):
    with pytest.raises(ServiceError, match="not_customisable"):
        await call(templates.SaveTemplate, uuid7(), template(kind=pb.TEMPLATE_KIND_PASSWORD_RESET))


async def test_preview_is_the_mail_with_examples_in_the_firms_face(call, suite, firm):
    await suite.face(firm)
    request = pb.PreviewTemplateRequest(template=template(body="#société# : #document#\n\n#lien#").template)
    found = await call(templates.PreviewTemplate, firm.id, request)
    assert found.subject == "Pour Menuiserie Kerautret"
    assert "Cabinet Armor\u00a0: Facture F2026-00042" in found.text
    assert "#8a1c4a" in found.html


async def test_history_is_paged_newest_first(call, suite, firm):
    events = [invited() for _ in range(5)]
    for event in events:
        await suite.tell(firm.id, event)
        await suite.message_to(firm.id, event.mail)
    first = await call(messages.ListMessages, firm.id, pb.ListMessagesRequest(page_size=3))
    rest = await call(
        messages.ListMessages, firm.id, pb.ListMessagesRequest(page_size=3, page_token=first.next_page_token)
    )
    seen = [each.recipient_mail for each in (*first.messages, *rest.messages)]
    assert seen == [event.mail for event in reversed(events)]
    assert (first.total, rest.total, rest.next_page_token) == (5, 5, "")
    assert len((await call(messages.ListMessages, firm.id, pb.ListMessagesRequest(page_size=-3))).messages) == 5


async def test_history_is_searched_by_name_address_and_subject(call, suite, firm):
    wanted, other = invited(given_name="Zélie", family_name="Ménez"), invited()
    for event in (wanted, other):
        await suite.tell(firm.id, event)
        await suite.message_to(firm.id, event.mail)
    for query in ("zelie menez", wanted.mail.upper()):
        found = await call(messages.ListMessages, firm.id, pb.ListMessagesRequest(query=query))
        assert [each.recipient_mail for each in found.messages] == [wanted.mail]
    by_state = await call(messages.ListMessages, firm.id, pb.ListMessagesRequest(state=pb.MESSAGE_STATE_FAILED))
    assert list(by_state.messages) == []


async def test_messages_are_found_by_what_an_audit_trail_names(call, suite, firm):
    events = [invited() for _ in range(3)]
    for event in events:
        await suite.tell(firm.id, event)
    rows = [await suite.message_to(firm.id, event.mail) for event in events]
    named = [str(rows[0]["id"]), str(rows[2]["id"]), str(uuid7())]
    found = await call(messages.ListMessages, firm.id, pb.ListMessagesRequest(ids=named))
    assert [each.id for each in found.messages] == [named[1], named[0]]
    assert not (await call(messages.ListMessages, uuid7(), pb.ListMessagesRequest(ids=named))).messages
    for wrong in (["x"], [str(uuid7())] * 201):
        with pytest.raises(ServiceError, match="malformed_request"):
            await call(messages.ListMessages, firm.id, pb.ListMessagesRequest(ids=wrong))


async def test_message_shows_its_attempts_and_hides_its_one_time_link(call, suite, firm):
    event = invited()
    await suite.tell(firm.id, event)
    row = await suite.message_to(firm.id, event.mail)
    found = await call(messages.GetMessage, firm.id, pb.GetMessageRequest(id=str(row["id"])))
    assert [(each.number, each.result) for each in found.attempts] == [(1, "accepted")]
    assert f"{PORTAL}/…" in found.text
    assert "secret" not in found.text


async def test_message_of_another_firm_is_not_found(call, suite, firm):
    event = invited()
    await suite.tell(firm.id, event)
    row = await suite.message_to(firm.id, event.mail)
    with pytest.raises(ServiceError, match="not_found"):
        await call(messages.GetMessage, uuid7(), pb.GetMessageRequest(id=str(row["id"])))


@pytest.mark.parametrize("table", Model.metadata.tables.values(), ids=lambda table: table.name)
async def test_table_has_the_columns_of_its_model(table, database, caller):
    query = "SELECT column_name, is_nullable FROM information_schema.columns WHERE table_name = $1"
    async with database.begin(caller()) as unit:
        found = {row["column_name"]: row["is_nullable"] == "YES" for row in await unit.fetch(query, table.name)}
    assert found == {column.name: bool(column.nullable) for column in table.columns}
