"""Which addresses may be called, and that a name counts by all of its addresses."""

import pytest

from service.addresses import AddressRefused, check, is_allowed

PUBLIC = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"]
PRIVATE = [
    "127.0.0.1",
    "127.9.9.9",
    "::1",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "fd00::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
]
NEVER = [
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "fe80::1",
    "fe80::1%eth0",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "ff02::1",
    "240.0.0.1",
    "255.255.255.255",
    "198.18.0.1",
    "192.0.2.1",
    "2001:db8::1",
    "fec0::1",
    "localhost",
    "",
]


@pytest.mark.parametrize("address", PUBLIC)
@pytest.mark.parametrize("private", [True, False])
def test_an_address_of_the_public_internet_may_be_called(address: str, private: bool) -> None:
    assert is_allowed(address, private=private)


@pytest.mark.parametrize("address", PRIVATE)
def test_this_machine_and_private_networks_only_where_the_site_says_so(address: str) -> None:
    assert is_allowed(address, private=True)
    assert not is_allowed(address, private=False)


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("private", [True, False])
def test_other_special_addresses_are_never_called(address: str, private: bool) -> None:
    assert not is_allowed(address, private=private)


@pytest.mark.parametrize("addresses", [[], ["10.0.0.1"], [PUBLIC[0], "10.0.0.1"], ["169.254.169.254", PUBLIC[0]]])
def test_one_address_that_may_not_be_called_refuses_the_name(addresses: list[str]) -> None:
    with pytest.raises(AddressRefused):
        check(addresses, private=False)


def test_plain_http_stays_on_this_machine() -> None:
    assert check(["127.0.0.1", "::1"], private=True, only_this_machine=True) == ("127.0.0.1", "::1")
    with pytest.raises(AddressRefused):
        check(["127.0.0.1", "10.0.0.1"], private=True, only_this_machine=True)
