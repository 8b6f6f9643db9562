"""A firm connects a directory that speaks SAML and takes it back again: in English, on a phone."""

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from firms import Firm, administrator_of, found, is_for_everybody, pasted
from people import DESK, ENGLISH_DOOR, HELENE, PHONE, Person
from playwright.sync_api import expect

sys.path.insert(0, str(Path(__file__).parents[1] / "upstreams"))

from simplesamlphp import SamlDirectory, saml_directory

ENGLISH = replace(PHONE, locale="en-GB")
ARMEL = {"givenName": ["Armel"], "sn": ["Kerjean"], "mail": ["armel@kerjean.example"], "groups": ["Partners"]}


@pytest.fixture(scope="module")
def directory() -> Iterator[SamlDirectory]:
    with saml_directory() as running:
        running.knows({"armel": ARMEL})
        yield running


@pytest.fixture(scope="module")
def firm(person, mails, tag) -> Firm:
    """A firm of its own; its administrator is at a phone, in English."""
    who = administrator_of(tag, "Armel")
    made = found(person(HELENE), person(who, DESK, signed_in=False), mails, f"Kerjean Notaires {tag}")
    armel = person(who, ENGLISH, signed_in=False)
    armel.context.add_cookies([{"name": "parvis_lang", "value": "en", "url": armel.portal}])
    armel.open(made.sign_in)
    armel.answer_sign_in(who.password, ENGLISH_DOOR)
    armel.page.wait_for_url(re.compile(made.sign_in))
    return replace(made, administrator=armel)


def sign_in_there(someone: Person, directory: SamlDirectory, name: str) -> None:
    """At the directory's own page."""
    someone.page.wait_for_url(f"{directory.url}/**")
    someone.page.locator("input[name=username]").fill(name)
    someone.page.locator("input[name=password]").fill("password")
    someone.page.locator("input[name=password]").press("Enter")


def test_it_reads_our_metadata_and_we_read_its_own(firm, directory):
    armel = firm.administrator
    armel.follow("Add a directory")
    armel.page.get_by_label("SAML 2.0").check()
    armel.write({"Name on the button": "Group intranet"})
    armel.press("Continue")
    armel.reads_title("Tell Group intranet about the portal")
    is_for_everybody(armel)
    address = pasted(armel, "Our metadata")
    armel.follow("Done there: continue")

    armel.reads_title("Tell the portal about Group intranet")
    armel.page.locator("#f-metadata_document").set_input_files(
        {"name": "ours.xml", "mimeType": "text/xml", "buffer": b"<html>not found</html>"}
    )
    armel.press("Save and continue")
    expect(armel.page.get_by_role("alert")).to_contain_text("not metadata")
    is_for_everybody(armel)
    armel.write({"Address of its metadata": directory.metadata})
    armel.press("Save and continue")
    armel.reads_title("Test Group intranet")
    directory.declare(address)


def test_its_test_shows_each_check_and_what_it_said(firm, directory):
    armel = firm.administrator
    armel.press("Begin the test")
    sign_in_there(armel, directory, "armel")
    armel.page.wait_for_url("**?trial=*")
    armel.reads_title("Test of Group intranet")
    armel.sees("Everything that we check is right")
    armel.sees("Partners", within=armel.section("What was received"))
    armel.sees("armel@kerjean.example", within=armel.section("What the portal knows of you by it"))
    is_for_everybody(armel)
    armel.follow("Put it in service")
    is_for_everybody(armel)
    armel.press("Put it in service")
    armel.is_told("Group intranet is in service")
    armel.sees("Certificates of Group intranet")
    is_for_everybody(armel)


def test_our_key_changes_in_two_steps(firm):
    armel = firm.administrator
    armel.press("Prepare the next key")
    armel.is_told("The next key stands in our metadata")
    is_for_everybody(armel)
    armel.page.get_by_role("button", name="Let the next key sign").click()
    armel.press("Let it sign", exact=True)
    armel.is_told("The new key signs from now on")


def test_it_is_taken_out_of_service_and_deleted(firm):
    armel = firm.administrator
    armel.page.get_by_label("More").click()
    armel.page.get_by_role("button", name="Take out of service…").click()
    armel.press("Take out of service", exact=True)
    armel.is_told("Group intranet is out of service")
    is_for_everybody(armel)
    armel.page.get_by_label("More").click()
    armel.page.get_by_role("button", name="Delete…").click()
    armel.press("Delete the directory")
    armel.is_told("The directory is deleted")
    armel.sees("No directory yet")
