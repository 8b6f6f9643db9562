"""What a story must have come to, whatever happened to the suite meanwhile."""

from collections import Counter

from parvis.documents.v1 import documents_pb2
from parvis.notify.v1 import notify_pb2, notify_pb2_grpc
from parvis_kit.errors import Kind, ServiceError


async def documents_of(driver, story):
    request = documents_pb2.ListDocumentsRequest(contact_id=story.contact_id)
    listed = await driver.insist(lambda: driver.documents.ListDocuments(request))
    return sorted(document.name for document in listed.documents)


def invoice_name(story):
    return f"Facture {story.number}.pdf"


async def content_of(driver, story):
    request = documents_pb2.GetDownloadRequest(id=story.document_id)

    async def read():  # an address is good for a minute: somebody who waited for longer opens the page again
        download = await driver.documents.GetDownload(request)
        return (await driver.get(download.url)).content

    return await driver.insist(read)


async def mails_are_single(suite, portal, driver, story, told):
    """Two mails announce (document, invoice), one opens the access; a second copy only where the history says so."""
    messages = notify_pb2_grpc.MessageServiceStub(portal.peers.channel("notify"))

    async def settled():
        answer = await messages.ListMessages(notify_pb2.ListMessagesRequest(query=story.name, page_size=50))
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
