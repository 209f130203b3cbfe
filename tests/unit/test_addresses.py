import pytest

from meshward.addresses import Address, parse_address, parse_listen_address
from meshward.errors import AddressError


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("10.1.2.1", "10.1.2.1", 5555),
        ("10.1.2.1:5600", "10.1.2.1", 5600),
        ("board.local", "board.local", 5555),
        ("[fe80::1]:5600", "fe80::1", 5600),
        ("[::1]", "::1", 5555),
        ("fe80::1%eth0", "fe80::1%eth0", 5555),
        (" host:1 ", "host", 1),
    ],
)
def test_an_address_is_read(text, host, port):
    assert parse_address(text) == Address(host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":5555",
        "host:",
        "host:0",
        "host:65536",
        "host:+5",
        "host:\u0665",
        "[::1",
        "[::1]:",
        "[::1]5555",
        "a b",
        "http://x",
    ],
)
def test_what_is_no_address_is_refused_with_advice(text):
    with pytest.raises(AddressError, match=r"HOST|65535"):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5555", Address("0.0.0.0", 5555)),
        ("0", Address("0.0.0.0", 0)),
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
        ("[::]:0", Address("::", 0)),
        ("127.0.0.1", Address("127.0.0.1", 5555)),
        ("[::]:5600", Address("::", 5600)),
    ],
)
def test_a_listen_address_may_be_a_port_alone(text, expected):
    assert parse_listen_address(text) == expected


def test_an_address_prints_as_it_is_written():
    assert str(Address("::1", 5600)) == "[::1]:5600"
    assert str(parse_address("10.1.2.1")) == "10.1.2.1:5555"
