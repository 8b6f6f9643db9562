"""What a story must have come to, whatever happened to the suite meanwhile, and who may be told of it."""

from collections import Counter

from series import all_invoices, wrong_numbers

from parvis.billing.v1 import billing_pb2
from parvis.documents.v1 import documents_pb2
from parvis.notify.v1 import notify_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind, ServiceError


async def wrong_with(driver, story):
    """What of a story is lost or doubled: the client, the access, the documents, the invoice. Nothing of it is, when
    this is empty.
    """
    seen = {
        "clients": [each.id for each in await _clients(driver, story)],
        "accesses": await _accesses(driver, story),
        "documents": sorted(each.name for each in await _documents(driver, story)),
        "content": await _content(driver, story),
        "invoices": [(each.id, each.state, each.number) for each in await _invoices(driver, story)],
    }
    meant = {
        "clients": [story.contact_id],
        "accesses": [story.person_mail],
        "documents": sorted([f"{story.name}.pdf", f"Facture {story.number}.pdf"]),
        "content": story.content,
        "invoices": [(story.invoice_id, billing_pb2.INVOICE_STATE_FILED, story.number)],
    }
    return [
        f"{story.name}: {what} are {'others' if what == 'content' else found}"
        for what, found in seen.items()
        if found != meant[what]
    ]


async def numbers_wrong_with(driver):
    """Numbers of all invoices of the firm that are missing or were given twice."""

    async def page(request):
        return await driver.insist(lambda: driver.invoices.ListInvoices(request))

    invoices = await all_invoices(page)
    assert any(each.number for each in invoices)
    return wrong_numbers(invoices)


async def told_to(asker, story):
    """Which questions about a story somebody is answered, in every service."""
    answered = set()
    for name, ask in _QUESTIONS.items():
        try:
            if await ask(asker, story):
                answered.add(name)
        except ServiceError as error:
            if error.kind is not Kind.NOT_FOUND:
                raise
    return answered


async def _clients(driver, story):
    request = tenancy_pb2.ListContactsRequest(query=story.name)
    return (await driver.insist(lambda: driver.contacts.ListContacts(request))).contacts


async def _client(driver, story):
    request = tenancy_pb2.GetContactRequest(id=story.contact_id)
    return await driver.insist(lambda: driver.contacts.GetContact(request))


async def _accesses(driver, story):
    people = (await _client(driver, story)).people
    assert len(people) == 2, people
    return [each.mail for each in people if each.HasField("access")]


async def _documents(driver, story):
    request = documents_pb2.ListDocumentsRequest(contact_id=story.contact_id)
    return (await driver.insist(lambda: driver.documents.ListDocuments(request))).documents


async def _document(driver, story):
    request = documents_pb2.GetDocumentRequest(id=story.document_id)
    return await driver.insist(lambda: driver.documents.GetDocument(request))


async def _content(driver, story):
    request = documents_pb2.GetDownloadRequest(id=story.document_id)

    async def read():  # an address is good for a minute: somebody who waited for longer opens the page again
        download = await driver.documents.GetDownload(request)
        return (await driver.get(download.url)).content

    return await driver.insist(read)


async def _invoices(driver, story):
    request = billing_pb2.ListInvoicesRequest(contact_id=story.contact_id)
    return (await driver.insist(lambda: driver.invoices.ListInvoices(request))).invoices


async def _invoice(driver, story):
    request = billing_pb2.GetInvoiceRequest(id=story.invoice_id)
    return await driver.insist(lambda: driver.invoices.GetInvoice(request))


async def _messages(driver, story):
    request = notify_pb2.ListMessagesRequest(query=story.name, page_size=50)
    return (await driver.insist(lambda: driver.messages.ListMessages(request))).messages


async def _message(driver, story):
    request = notify_pb2.GetMessageRequest(id=story.message_ids[0])
    return await driver.insist(lambda: driver.messages.GetMessage(request))


_QUESTIONS = {
    "the clients": _clients,
    "the client": _client,
    "the documents": _documents,
    "the document": _document,
    "its content": _content,
    "the invoices": _invoices,
    "the invoice": _invoice,
    "the mails": _messages,
    "a mail": _message,
}
QUESTIONS = frozenset(_QUESTIONS)


async def mails_are_single(suite, driver, story, told):
    """Two mails announce (document, invoice), one opens the access; a second copy only where the history says so."""

    async def settled():
        answer = await driver.messages.ListMessages(notify_pb2.ListMessagesRequest(query=story.name, page_size=50))
        if len(answer.messages) < 3 or any(each.state == notify_pb2.MESSAGE_STATE_PENDING for each in answer.messages):
            raise ServiceError(Kind.UNAVAILABLE, "mails_not_settled")
        return answer.messages

    history = await driver.insist(settled)
    assert len(history) == 3, told
    assert {each.state for each in history} == {notify_pb2.MESSAGE_STATE_SENT}, told
    # Their own only: taking all mails of a long run apart again and again takes the sink longer than anybody waits.
    own = f"{suite.addresses['mail']}/api/messages?to={story.name}"
    listed = (await driver.fetch(own)).json()["messages"]
    copies = Counter(each["message_id"].strip("<>") for each in listed)
    for each in history:
        allowed = 2 if each.reason == "maybe_sent_twice" else 1
        assert 1 <= copies[each.message_id.strip("<>")] <= allowed, f"{each.subject}: {told}"
    story.message_ids = [each.id for each in history]
