import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.people.addresses import (
    address_hash,
    deliverable_email,
    email_sha256,
    email_sha256_google,
    looks_like_an_address,
    normalise_email,
    normalise_name,
    normalise_phone,
    parsed_phone,
    phone_sha256_digits,
    phone_sha256_e164,
    postal_sha256,
    sha256,
    without_addresses,
    without_tag,
)


def test_published_vectors_of_google_and_meta(example_files):
    vectors = (example_files / "hash_test_vectors.jsonl").read_text().splitlines()
    for vector in map(json.loads, vectors):
        given_ = vector["input"]
        if "email" in given_:
            email = normalise_email(given_["email"])
            assert (email_sha256_google(email), email_sha256(email)) == (vector["google"], vector["meta"])
        else:
            phone = normalise_phone(given_["phone"], given_["region"])
            assert (phone_sha256_e164(phone), phone_sha256_digits(phone)) == (vector["google"], vector["meta"])


def test_an_address_hash_has_its_type_as_prefix():
    assert address_hash("email", normalise_email(" Dana@Example.org")) == sha256("email:dana@example.org")
    assert address_hash("phone", normalise_phone("+1 425 555 0142")) == sha256("phone:+14255550142")
    assert address_hash("email", None) is None


def test_what_is_no_address_is_not_normalised():
    assert [normalise_email(t) for t in (None, "", "dana", "a@b", "a b@example.org", "a@@example.org")] == [None] * 6
    assert [normalise_phone(t, "US") for t in (None, "", "call me", "12")] == [None] * 4


def test_a_number_without_a_country_is_never_guessed():
    assert normalise_phone("(425) 555-0142") is None
    assert normalise_phone("(425) 555-0142", "US") == "+14255550142"


def test_addresses_are_found_in_free_text():
    assert looks_like_an_address("write to dana@example.org, please")
    assert looks_like_an_address("+1 (425) 555-0142")
    assert looks_like_an_address("call +49 151 23456789, please")
    assert looks_like_an_address("https://shop.example/leave/dana%40example.org/now")
    assert looks_like_an_address("tel:4915123456789")
    assert looks_like_an_address("https://wa.me/4915123456789")
    assert not looks_like_an_address("sku A-100 @ 3.50")
    assert not looks_like_an_address("50% off, A+ rated, 2026-01-01T10:00:00+0000")
    assert not looks_like_an_address("20260921")


@pytest.mark.parametrize(
    "written",
    ["'dana'@example.org", '"dana"@example.org', "dana%40example.org", "dana@example.org", "ann.o'neil+x@example.co.uk",
     "d'a''b'@example.org", '"dana lee"@example.org', "dana@[192.0.2.1]"],
)  # fmt: skip
def test_of_an_answer_no_part_of_an_address_is_left(written):
    assert without_addresses(f"550 <{written}> is unknown") == "550 <[address]> is unknown"
    assert without_addresses(f"refused by {written}, try later") == "refused by [address], try later"


@given(st.emails(), st.sampled_from(["", " ", "\t"]))
def test_case_and_spaces_around_do_not_matter(email, space):
    assert normalise_email(f"{space}{email.upper()}{space}") == normalise_email(email.upper().lower())


@given(st.text(max_size=40))
def test_normalising_again_changes_nothing(text):
    once = normalise_email(text)
    assert once is None or normalise_email(once) == once
    number = normalise_phone(text, "US")
    assert number is None or normalise_phone(number) == number


def test_a_plus_tag_is_all_that_is_left_out_of_an_address():
    assert without_tag("ann.lee+news+x@a.org") == "ann.lee@a.org"
    assert without_tag("ann.lee@a.org") == "ann.lee@a.org"
    assert without_tag("+@a.org") == "+@a.org", "an address needs a first part"
    assert without_tag(None) is None


def test_names_and_postal_addresses_are_one_however_they_are_written():
    assert normalise_name("  O'Neil,\tANN ") == normalise_name("o neil ann") == "o neil ann"
    assert normalise_name("Jose\u0301") == normalise_name("JOSÉ") == "josé"
    assert normalise_name(" . ") is None
    assert postal_sha256("12 Oak St., 98101") == postal_sha256("12 OAK ST 98101") == sha256("postal:12 oak st 98101")
    assert postal_sha256(" ,. ") is None
    assert postal_sha256("3 rue de l'E\u0301glise") == postal_sha256("3 RUE DE L'\u00c9GLISE"), (
        "an accent is written in two ways"
    )


@pytest.mark.parametrize(
    "written",
    ["[a@x.org]", "mailto:a@x.org", "a@x.org;b@x.org", "a,b@x.org", "Dana <a@x.org>", '"a"@x.org', "a@x", "a@@x.org"],
)
def test_what_holds_an_address_and_is_none_is_none(written):
    assert normalise_email(written) is None


@pytest.mark.parametrize("written", ["\ufeffa+b@x.org", " a+b@x.org\u200b\n", "A+B@X.org"])
def test_what_nobody_sees_at_its_ends_is_no_part_of_an_address(written):
    assert normalise_email(written) == "a+b@x.org"


@pytest.mark.parametrize("written", ["a\x00@x.org", "a\x1f@x.org", "a@x\x7f.org"])
def test_a_sign_that_cannot_be_printed_is_no_part_of_an_address(written):
    assert normalise_email(written) is None


@pytest.mark.parametrize(
    "written", ["ka\u0308the@x.org", "K\u00c4THE@x.org", "\uff4b\u00e4the@x\uff0eorg", "k\u00e4the@x.org\u00a0"]
)
def test_one_address_in_several_codes_is_one(written):
    assert normalise_email(written) == "k\u00e4the@x.org"


@pytest.mark.parametrize(
    "domain", ["xn--bcher-kva.example", "XN--BCHER-KVA.example", "b\u00fccher.example", "B\u00dcCHER.example"]
)
def test_a_domain_is_one_however_it_is_coded(domain):
    assert normalise_email(f"a@{domain}") == "a@b\u00fccher.example"


@pytest.mark.parametrize("domain", ["xn--.example", "xn--bcher-kva-\u00fc.example", "a_b.xn--bcher-kva.example"])
def test_a_domain_that_is_no_code_stays_as_it_is(domain):
    assert normalise_email(f"a@{domain}") == f"a@{domain}"
    assert deliverable_email("a@xn--bcher-kva.example") == "a@xn--bcher-kva.example", "SES takes no other form"


def test_a_message_is_sent_to_the_address_as_written_without_what_surrounds_it():
    assert deliverable_email(" Dana.Reyes@Example.org\u200b ") == "Dana.Reyes@Example.org"
    assert deliverable_email("Dana <dana@example.org>") is None


@pytest.mark.parametrize("written", ["+5215512345678", "+52 1 55 1234 5678", "+52 (55) 1234-5678", "+52-1-5512345678"])
def test_a_mobile_number_of_mexico_is_one_with_and_without_its_former_1(written):
    assert normalise_phone(written) == "+525512345678"
    assert normalise_phone("+521551234567") == "+521551234567", "of ten digits the 1 is the first"


def test_a_number_without_its_area_code_is_nobodys():
    assert normalise_phone("555-0142", "US") is None
    assert normalise_phone("(425) 555-0142", "US") == "+14255550142"


@pytest.mark.parametrize(
    ("written", "region"),
    [("12.05.1980", "DE"), ("2026-02-01", "DE"), ("1980-12-31 00:00:00", "DE"), ("5/12/1980", "US"),
     ("12/31/1980", "DE"), ("0000000000", "US"), ("+1 222 222 2222", None), ("(555) 555-5555", "US"),
     ("1111111111", "DE"), ("+49 000000000", None), ("0301234567.0", "DE"), ("1234.0", "DE"),
     ("+4915112345678.0", None)],
)  # fmt: skip
def test_a_date_and_one_digit_again_and_again_are_no_numbers(written, region):
    assert normalise_phone(written, region) is None


@pytest.mark.parametrize(
    ("written", "region", "number"),
    [("15112345678.0", "DE", "+4915112345678"), ("4255550142.0", "US", "+14255550142"),
     ("14255550142.0", "US", "+14255550142"), ("425.555.0142", "US", "+14255550142"),
     ("12.05.19.80", "FR", None), ("01.42.05.19.80", "FR", "+33142051980")],
)  # fmt: skip
def test_a_number_that_became_a_float_is_the_number(written, region, number):
    assert normalise_phone(written, region) == number


@given(
    st.text("+1025 ().-", max_size=16)
    | st.from_regex(r"\(?(\+1)?[ .(-]{0,2}[0-9]{3}[ ).-]{0,2}[0-9]{3}[ .-]?[0-9]{4}[ ).-]?", fullmatch=True),
    st.sampled_from(["US", "GB", None]),
)
def test_numbers_that_are_not_parsed_are_what_parsing_makes_of_them(written, region):
    assert normalise_phone(written, region) == parsed_phone(written, region)
