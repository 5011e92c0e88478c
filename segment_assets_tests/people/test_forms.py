import hashlib

import pytest

from segment_assets.people.addresses import email_sha256, sha256
from segment_assets.people.forms import mistaken

OURS = "Ann.Lee+x@gmail.com"
RIGHT = "ann.lee+x@gmail.com"


def reason(digest: str, written: str = OURS, kind="email", known: str | None = None) -> str | None:
    right = known or sha256(RIGHT)
    return mistaken([written], kind, {right}, {digest}).get(digest)


@pytest.mark.parametrize("text", ["ANN.LEE+X@GMAIL.COM", "Ann.Lee+x@gmail.com", "Ann.lee+x@gmail.com"])
def test_a_hash_of_an_address_in_another_case_is_known(text):
    assert reason(sha256(text)) == "case"


@pytest.mark.parametrize(
    "digest",
    [
        hashlib.md5(RIGHT.encode(), usedforsecurity=False).hexdigest(),
        hashlib.sha1(RIGHT.upper().encode(), usedforsecurity=False).hexdigest(),
        hashlib.sha512(RIGHT.encode()).hexdigest(),
        sha256(f"{RIGHT}\n"),
        sha256(f"email:{RIGHT}"),
        sha256("annlee+x@gmail.com"),
    ],
)
def test_a_hash_by_another_function_or_of_more_than_the_address_is_known(digest):
    assert reason(digest) == "wrong_hash"


def test_the_right_hash_is_no_mistake_and_a_strangers_hash_is_not_known():
    assert reason(sha256(RIGHT)) is None
    assert reason(str(email_sha256("stranger@a.org"))) is None
    assert reason(sha256(RIGHT.upper()), known=sha256("another@a.org")) is None, "mending it would gain nothing"


@pytest.mark.parametrize("national", ["2065550142", "206-555-0142", "(206) 555-0142", "+1 206-555-0142"])
def test_a_phone_number_hashed_as_it_is_written_in_its_country_is_known(national):
    assert reason(sha256(national), "+12065550142", "phone", sha256("+12065550142")) == "wrong_hash"


def test_a_phone_number_hashed_without_its_plus_is_known():
    assert reason(sha256("12065550142"), "+1 206 555 0142", "phone", sha256("+12065550142")) == "wrong_hash"
    assert reason(sha256("+12065550142"), "+1 206 555 0142", "phone", sha256("+12065550142")) is None
