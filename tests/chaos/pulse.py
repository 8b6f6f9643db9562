"""Whether the suite lives: somebody opens the portal, makes a client, finds the folders that documents made when it
heard of them, sends a file to the store, saves a draft of an invoice. Nothing of it is done when one part is away.
"""

import asyncio
import hashlib
import os
import time

import grpc
import httpx

from parvis.billing.v1 import billing_pb2
from parvis.documents.v1 import documents_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import ServiceError

#: Seconds after which somebody asks again, and after which nobody waits any longer.
AGAIN, AT_MOST = 2.0, 120.0
CONTENT = b"%PDF-1.4\n%%EOF\n"


class Pulse:
    """See the module."""

    def __init__(self, driver, url):
        self._driver, self._url = driver, url
        self._http = httpx.AsyncClient(timeout=AGAIN, trust_env=False, follow_redirects=True)
        self.last = ""
        #: Of the last time: how long each step took.
        self.took = {}

    async def close(self):
        await self._http.aclose()

    async def seconds(self):
        """Until all of it has been done, each step tried until it works."""
        began, self.took, self.last = time.monotonic(), {}, ""
        driver, made = self._driver, f"pulse{os.urandom(6).hex()}"

        async def page():
            answer = await self._http.get(f"{self._url}/o/cabinet-orsel/")
            answer.raise_for_status()

        async def client():
            contact = tenancy_pb2.Contact(kind=tenancy_pb2.CONTACT_KIND_CLIENT, name=made)
            return (await driver.contacts.CreateContact(tenancy_pb2.CreateContactRequest(contact=contact))).contact.id

        async def folder():
            request = documents_pb2.ListFoldersRequest(contact_id=contact_id)
            return next(
                each.template.id
                for each in (await driver.folders.ListFolders(request)).folders
                if each.template.built_in == "contracts"
            )

        async def started():
            start = documents_pb2.StartUploadRequest(
                contact_id=contact_id, folder_template_id=folder_id, name=f"{made}.pdf", size=len(CONTENT),
                media_type="application/pdf", sha256=hashlib.sha256(CONTENT).hexdigest(),
            )  # fmt: skip
            return await driver.uploads.StartUpload(start)

        async def sent():
            (await self._http.put(upload.parts[0].url, content=CONTENT)).raise_for_status()

        async def complete():
            await driver.uploads.CompleteUpload(documents_pb2.CompleteUploadRequest(id=upload.id))

        async def draft():
            invoice = billing_pb2.Invoice(contact_id=contact_id, payment_days=30, currency="EUR")
            await driver.invoices.SaveDraft(billing_pb2.SaveDraftRequest(invoice=invoice))

        await self._until(began, page)
        contact_id = await self._until(began, client)
        folder_id = await self._until(began, folder)
        upload = await self._until(began, started)
        await self._until(began, sent)
        await self._until(began, complete)
        await self._until(began, draft)
        return time.monotonic() - began

    @property
    def longest(self):
        """The step that took longest, for how long, and what it was told last."""
        step = max(self.took, key=self.took.get)
        return f"{step} {self.took[step]:.1f} s; {self.last}"

    async def _until(self, began, step):
        started = time.monotonic()
        while True:
            try:
                async with asyncio.timeout(AGAIN), self._driver.acting():
                    return await step()
            except TimeoutError:
                self.last = f"{step.__name__}: no answer within {AGAIN:g} s"
            except (ServiceError, httpx.HTTPError, grpc.RpcError, StopIteration, RuntimeError) as error:
                self.last = f"{step.__name__}: {error!r}"
            finally:
                self.took[step.__name__] = time.monotonic() - started
            if time.monotonic() - began > AT_MOST:
                raise AssertionError(f"nothing lives {AT_MOST:g} s after the faults were over; {self.last}")
            await asyncio.sleep(0.05)
