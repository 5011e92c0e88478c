"""The invented customers: addresses that belong to nobody, links to find, crowds to resist."""

import re
from collections import Counter

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.demo import people
from segment_assets.demo.partner import as_written
from segment_assets_tests.demo.conftest import endpoints
from segment_assets_tests.small_world import small_world

RESERVED = re.compile(r"\s*\S+@example\.(com|org|net)\s*", re.IGNORECASE)


@pytest.fixture(scope="module")
def crowd() -> list[people.Customer]:
    return people.invent(range(1, 2_470))


def test_email_addresses_lie_in_reserved_domains_only(crowd):
    assert all(RESERVED.fullmatch(c.email) and RESERVED.fullmatch(c.own_email) for c in crowd)


@given(st.floats(0, 1, exclude_max=True))
def test_what_the_partner_writes_names_no_other_domain(luck):
    written = as_written("dana.reyes.17@example.org", luck)
    assert "@" not in written or RESERVED.fullmatch(written) or written.endswith("@")


def test_every_area_code_gives_a_valid_fictitious_number():
    for code in people.AREA_CODES:
        for line in ("0100", "0199"):
            number = phonenumbers.parse(f"+1{code}555{line}")
            assert phonenumbers.is_valid_number(number)
            assert phonenumbers.region_code_for_number(number) == "US"


def test_telephone_numbers_are_fictitious_and_each_is_written_readably(crowd):
    for customer in crowd:
        if customer.phone:
            number = phonenumbers.parse(customer.phone, "US")
            assert re.fullmatch(r"\d{3}55501\d\d", str(number.national_number))


def test_some_links_are_between_two_and_some_between_a_crowd(crowd):
    phones = Counter(str(phonenumbers.parse(c.phone, "US").national_number) for c in crowd if c.phone)
    emails = Counter(c.email.strip().lower() for c in crowd)
    addresses = Counter((c.address.lower(), c.postal_code) for c in crowd if c.address)
    devices = Counter(d for c in crowd for d in {c.device, c.seen_on} - {None})
    for shared in (phones, emails, addresses, devices):
        sizes = Counter(shared.values())
        assert sizes[2] > 10  # pairs, to be found
        assert sum(n for size, n in sizes.items() if size >= 15) >= 1  # crowds, to be resisted
        assert not any(2 < size < 8 and n > 5 for size, n in sizes.items())
    assert all(emails[placeholder] > 1 for placeholder in people.PLACEHOLDERS)


def test_ten_copies_of_the_customers_share_no_telephone_number_but_the_front_desks():
    numbers = [
        re.sub(r"\D", "", c.phone)[-10:]
        for copy in range(10)
        for c in people.invent(range(1, 2_501), copy)
        if c.phone and "0199" not in c.phone
    ]
    assert max(Counter(numbers).values()) == 2  # the pairs inside one copy


def test_a_small_world_has_links_and_refusals_too(landing, tmp_path):
    small_world(landing, type(landing)(tmp_path / "p"))
    known = endpoints(landing)
    emails = Counter(line["Address"].strip().lower() for line in known if line["ChannelType"] == "EMAIL")
    assert emails.most_common(1)[0][1] > 8
    assert any(line["OptOut"] == "ALL" for line in known)
    assert any("marketing_consent" not in line["Attributes"] for line in known)
