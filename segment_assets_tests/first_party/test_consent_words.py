"""Consent in words of one's own, and what is told of words that nobody knows."""

import pytest
from pydantic import ValidationError

from segment_assets.first_party import customer_exports
from segment_assets.first_party.checks import consent_is_understood
from segment_assets.first_party.consent_words import APART, OTHER, Heard
from segment_assets.first_party.customer_exports import _reading
from segment_assets.landing_config import CustomersLanding
from segment_assets.people.consent import NO_WORDS, Words, state_of
from segment_assets_tests.first_party.exporting import OWN, PINPOINT, build, consent, endpoint, own, put

GERMAN = {"granted": ["ja"], "denied": ["nein"]}


def test_words_of_ones_own_are_known_in_any_case_and_come_first():
    words = Words(granted=("ja", "opt in: ja"), denied=("nein", "Y"))
    assert [state_of(word, words) for word in (" JA ", "Opt-in: Ja", "Nein", "y", "yes", "vielleicht", None)] == [
        "granted", "granted", "denied", "denied", "granted", "unknown", "unknown"
    ]  # fmt: skip
    assert state_of("ja") == "unknown"


def test_a_table_in_another_language_is_read_with_its_words(lake, landing):
    own(landing, "A,ann@example.org,,,,ja,", "B,bo@example.org,,,,Nein,")
    export, _ = build(lake, landing, OWN)
    assert (dict(export.strange), {state for state, _ in consent(lake).values()}) == ({"ja": 1, "Nein": 1}, {"unknown"})
    export, _ = build(lake, landing, OWN.model_copy(update=GERMAN))
    said = {who: state for (who, channel), (state, _) in consent(lake).items() if channel == "email"}
    assert (dict(export.strange), said) == ({}, {"A": "granted", "B": "denied"})


def test_an_attribute_of_endpoints_too(lake, landing):
    put(landing, endpoint(1, Attributes={"marketing_consent": ["ja"]}), endpoint(2))
    assert build(lake, landing)[0].strange == {"ja": 1}
    assert build(lake, landing, PINPOINT.model_copy(update=GERMAN))[0].strange == {}
    assert consent(lake)["C1", "email"] == ("granted", "marketing_consent")


@pytest.mark.parametrize("written", ["", " ", "unknown", "N/A", "-", "pending", "yes", "opt-out", "FALSE", None])
def test_what_says_nothing_and_what_is_known_is_no_strange_word(written):
    heard = Heard(NO_WORDS)
    heard.add([written])
    assert heard.strange() == {}


def test_a_word_is_shown_where_it_can_be_nobody_s_own():
    heard = Heard(NO_WORDS)
    heard.add(["ja"] * 100 + ["nein"] * 10 + ["Dana Doe"] * 9)
    heard.add(["dana@example.org"] * 90 + ["+1 425 555 0142"] * 90 + ["what she said at the counter"] * 90)
    assert heard.strange() == {OTHER: 279, "ja": 100, "nein": 10}


def test_as_many_words_are_told_apart_as_memory_has_room_for():
    heard = Heard(NO_WORDS)
    heard.add(f"word {number}" for number in range(3 * APART))
    assert len(heard._strange) <= APART + 1
    assert sum(heard.strange().values()) == 3 * APART


def test_the_sentence_says_how_to_mend_it():
    assert consent_is_understood({}).passed
    said = consent_is_understood({"ja": 1800, OTHER: 40, "nein": 30}).description
    assert said.startswith(
        '1,870 values of consent are no word for it, and so no consent: "ja" (1,800), "nein" (30); say'
    )


def test_a_word_that_is_said_to_mean_both_is_refused():
    with pytest.raises(ValidationError, match='"ja" stands under granted and under denied'):
        CustomersLanding(granted=["Ja"], denied=["nein", "ja "])


def test_only_who_gives_words_reads_consent_anew():
    # Of the version before: what it read holds still.
    assert _reading(CustomersLanding()) == "2e9e8401d2fd"
    assert _reading(CustomersLanding(**GERMAN)) != _reading(CustomersLanding())


def test_words_are_counted_over_every_object_of_the_export(landing):
    own(landing, "A,ann@example.org,,,,ja,")
    landing.write("customers/2026/02/01/d.csv", b"id,mail,tel,land,seen,news,app\nB,,,,,ja,oui\n")
    assert dict(customer_exports.read(landing, OWN).strange) == {"ja": 2, "oui": 1}
