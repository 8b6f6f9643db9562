"""Billing reaches the store from inside at addresses that were signed for browsers."""

from parvis_billing.service.filing import inside

SIGNED = "https://files.firm.test:8443/parvis/a%2Fb%20c?partNumber=1&X-Amz-Signature=0f"


def test_from_inside_the_host_that_was_signed_is_named():
    address, headers = inside(SIGNED, "https://store:8333")
    assert str(address) == "https://store:8333/parvis/a%2Fb%20c?partNumber=1&X-Amz-Signature=0f"
    assert headers == {"Host": "files.firm.test:8443"}


def test_without_an_origin_of_its_own_the_address_is_taken_as_it_is():
    address, headers = inside(SIGNED, "")
    assert (str(address), headers) == (SIGNED, {})
