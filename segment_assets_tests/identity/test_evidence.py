"""What of an export of customers is evidence that two of them belong together, from the delivered record on."""

import gzip
import json
from dataclasses import replace
from itertools import count

import pytest

from segment_assets.first_party import customer_exports, customers
from segment_assets.first_party.tables import CONTACT_ADDRESSES
from segment_assets.identity.edges import guarded_identifiers, identity_edges
from segment_assets.identity.guards import LIMITS, placeholders
from segment_assets.identity.keys import graph_key
from segment_assets.identity.snapshot import take_snapshot
from segment_assets.identity.tables import IDENTITY_EDGES
from segment_assets.identity_config import Identity
from segment_assets.lake import FolderStore, Lake
from segment_assets.landing_config import CustomersLanding, CustomerTable
from segment_assets_tests.identity.worlds import groups, households, persons, resolve_edges

_numbers = count()


def endpoint(who: str, kind: str = "EMAIL", address: str | None = None, place: dict | None = None, **more) -> dict:
    """An endpoint whose address is nobody else's where none is given; `device` and `street` are attributes."""
    number = next(_numbers)
    named = {"device_id": more.pop("device", []), "postal_address": more.pop("street", [])}
    return {
        "Id": f"{who}-{number}",
        "ChannelType": kind,
        "Address": address or f"{number}@shop.io",
        "User": {"UserId": who},
        "Attributes": {name: values if isinstance(values, list) else [values] for name, values in named.items()},
        "Location": place or {},
        "EffectiveDate": "2026-03-01T00:00:00.000Z",
    } | more


def build(lake: Lake, landing: FolderStore, *endpoints: dict, region: str = "US", **identity: object) -> None:
    """Step 2 and step 6 of an export; `identity` is that section of segmentation.yaml."""
    content = gzip.compress("\n".join(json.dumps(e) for e in endpoints).encode())
    landing.write("customers/2026/03/01/endpoints.jsonl.gz", content)
    read(lake, landing, CustomersLanding(phone_region=region), Identity.model_validate(identity))


def read(lake: Lake, landing: FolderStore, config: CustomersLanding, said: Identity | None = None) -> None:
    said = said or Identity()
    customers.write(lake, customer_exports.read(landing, config), config.phone_region, "test")
    limits = replace(LIMITS, window=said.confirmed_within)
    nobodys = placeholders(said.placeholders.model_dump(), config.phone_region)
    lake.write(IDENTITY_EDGES, identity_edges(lake, graph_key(), limits, nobodys), "test")
    resolve_edges(lake)


def together(lake: Lake) -> set[str]:
    """Households of more than one, each as the names of its customers."""
    return {"".join(sorted(home)) for home in groups(households(lake)) if len(home) > 1}


def guards(lake: Lake, kind: str) -> list[str | None]:
    return [row["guard"] for row in lake.read(IDENTITY_EDGES).to_pylist() if row["kind"] == kind]


def test_a_street_that_is_nobodys_is_so_in_every_place(lake: Lake, landing: FolderStore):
    said = [("N/A", {"PostalCode": "98101"}), ("unknown", {"City": "Boston"}), (" None.", {"PostalCode": "10001"})]
    build(lake, landing, *(endpoint(f"{who}{n}", street=s, place=p) for n, (s, p) in enumerate(said) for who in "ab"))
    assert together(lake) == set()
    assert guards(lake, "address") == ["placeholder"] * 6


def test_a_home_is_a_street_in_a_place(lake: Lake, landing: FolderStore):
    street, code = "1 Main Street", {"PostalCode": "1000"}
    build(
        lake,
        landing,
        endpoint("a", street=street, place={"City": "Boston", "Country": "US"}),
        endpoint("b", street=street, place={"City": "Austin", "Country": "US"}),
        endpoint("c", street=street, place={"City": "AUSTIN ", "Country": "us", "PostalCode": "00000"}),
        endpoint("d", street=street, place=code | {"Country": "BE"}),
        endpoint("e", street=street, place=code | {"Country": "BG"}),
        # A code says more than a city, which is written in many ways.
        endpoint("f", street="1, MAIN street", place=code | {"Country": "BG", "City": "Sofia"}),
        endpoint("g", street=street),
        endpoint("h", street=street),
        endpoint("i", place=code | {"Country": "BE"}),
        endpoint("j", street=street, place={"City": "n/a", "PostalCode": "-"}),
    )
    assert together(lake) == {"bc", "ef"}
    assert len(guards(lake, "address")) == 6


def test_what_devices_call_themselves_when_they_say_nothing_joins_nobody(lake: Lake, landing: FolderStore):
    said = ["NULL", "None", " unknown", "null ", "-", "undefined", "N/A", "(null)", "02:00:00:00:00:00",
            "00:00:00:00:00:00", "00000000-0000-0000-0000-000000000000 "]  # fmt: skip
    tokens = ["null", "0", "BLACKLISTED", "NULL", "Unknown"]
    build(
        lake,
        landing,
        *(endpoint(f"{who}{n}", device=d) for n, d in enumerate(said) for who in "ab"),
        *(endpoint(f"{who}{token}", "GCM", token) for token in tokens for who in "ab"),
        *(endpoint(who, device=" ") for who in "xy"),
    )
    assert together(lake) == set()
    assert guards(lake, "device") == ["placeholder"] * 2 * (len(said) + len(tokens))


def test_a_device_is_one_in_capitals_too(lake: Lake, landing: FolderStore):
    build(lake, landing, endpoint("a", device="6D92078A-8246"), endpoint("b", device="6d92078a-8246 "))
    assert together(lake) == {"ab"}


def test_every_device_and_every_address_of_an_endpoint_counts(lake: Lake, landing: FolderStore):
    place = {"PostalCode": "98101"}
    build(
        lake,
        landing,
        endpoint("a", device=["d1", "d2"], street=["1 Oak St", "2 Elm St"], place=place),
        endpoint("b", device="d2"),
        endpoint("c", street="2 Elm St.", place=place),
    )
    assert together(lake) == {"abc"}


def test_a_landline_is_a_telephone_and_nobody_is_written_to_there(lake: Lake, landing: FolderStore):
    build(
        lake,
        landing,
        endpoint("a", "VOICE", "+1 206 555 0101"),
        endpoint("b", "VOICE", "(206) 555-0101"),
        endpoint("c", "SMS", "+12065550101"),
        endpoint("d", "VOICE", "+1 555 555 5555"),
    )
    assert together(lake) == {"abc"}
    assert guards(lake, "phone") == [None, None, None, "placeholder"]
    assert lake.read(CONTACT_ADDRESSES)["customer_id"].to_pylist() == ["c"]


def test_what_is_given_up_joins_nobody_and_who_opts_out_still_lives_there(lake: Lake, landing: FolderStore):
    number, other = "+12065550101", "+12065550102"
    build(
        lake,
        landing,
        endpoint("a", "SMS", number, EndpointStatus="INACTIVE", device="d1"),
        endpoint("b", "SMS", number, device="d1"),
        endpoint("c", "SMS", other, OptOut="ALL", device="d2"),
        endpoint("d", "SMS", other, device="d2"),
        # Of two endpoints with one address the one in use counts.
        endpoint("e", "EMAIL", "eve@shop.io", EndpointStatus="INACTIVE"),
        endpoint("e", "EMAIL", "eve@shop.io"),
        endpoint("f", "EMAIL", "eve@shop.io"),
    )
    assert together(lake) == {"cd", "ef"}
    assert {"".join(sorted(p)) for p in groups(persons(lake)) if len(p) > 1} == {"cd", "ef"}
    assert guards(lake, "phone") == ["inactive", None, None, None]
    assert {row["kind"]: row["inactive_links"] for row in guarded_identifiers(lake)} == {
        "device": 1,
        "email": 0,
        "phone": 1,
    }
    nodes = take_snapshot(lake, graph_key()).nodes
    assert set(nodes["Phone"]["guard"].to_pylist()) == {None}, "the number is b's"


def test_customers_of_ones_own_table_have_devices_and_homes(lake: Lake, landing: FolderStore):
    rows = ["id,mail,device,street,zip,town,country", "a,a@shop.io,d1,,,,", "b,,D1,1 Oak St.,98101,,US",
            "c,c@shop.io,,1 OAK ST,98101,Seattle,US", "d,,,1 Oak St,,Boston,US", "e,,,1 oak st,,boston,US",
            "f,,,1 Oak St,,,US"]  # fmt: skip
    landing.write("customers/customers.csv", "\n".join(rows).encode())
    table = CustomerTable(
        customer="id", email="mail", device="device", street="street", postal_code="zip", city="town", country="country"
    )
    read(lake, landing, CustomersLanding(format="table", table=table))
    assert together(lake) == {"abc", "de"}
    assert len(persons(lake)) == 6


def test_what_one_calls_nobodys_own_joins_nobody_however_it_is_written(lake: Lake, landing: FolderStore):
    place = {"PostalCode": "98101"}
    shared = [
        {"address": " FrontDesk@Hotel.io"},
        {"kind": "SMS", "address": "(206) 555-0101"},
        {"kind": "GCM", "address": "Emulator-5554"},
        {"device": "EMULATOR-5554 "},
        {"street": "1, Mall Road", "place": place},
    ]
    world = [endpoint(f"{who}{n}", **said) for n, said in enumerate(shared) for who in "ab"]
    build(lake, landing, *world)
    assert len(together(lake)) == 5
    own = {
        "email": ["frontdesk@hotel.io"],
        "phone": ["206-555-0101"],
        "device": ["Emulator-5554"],
        "address": ["1 mall road"],
    }
    build(lake, landing, *world, placeholders=own)
    assert together(lake) == set()
    for kind, links in (("phone", 2), ("device", 4), ("address", 2)):
        assert guards(lake, kind) == ["placeholder"] * links


@pytest.mark.parametrize(
    ("region", "numbers"),
    [
        ("GB", ["07777777777", "01111111111", "0123456789"]),
        ("DE", ["000000000", "0111111111", "0123456789"]),
        ("IN", ["9999999999", "0000000000", "1234567890"]),
    ],
)
def test_a_number_of_one_digit_is_nobodys_in_every_country(
    lake: Lake, landing: FolderStore, region: str, numbers: list[str]
):
    real = {"GB": "020 7946 0018", "DE": "030 23125 123", "IN": "98765 12345"}[region]
    world = [endpoint(f"{who}{n}", "SMS", number) for n, number in enumerate([*numbers, real]) for who in "ab"]
    build(lake, landing, *world, region=region)
    assert together(lake) == {"a3b3"}
    assert set(guards(lake, "phone")) == {"placeholder", None}


def test_what_was_confirmed_long_ago_joins_nobody_where_one_asks_for_that(lake: Lake, landing: FolderStore):
    def world():
        long_ago, number = {"EffectiveDate": "2024-01-01T00:00:00.000Z"}, "+12065550101"
        yield endpoint("a", "SMS", number, **long_ago)
        yield endpoint("b", "SMS", number)
        # Of a home and a mailbox the date says nothing, and no date is no long time.
        yield endpoint("c", street="1 Oak St", place={"PostalCode": "98101"}, **long_ago)
        yield endpoint("d", street="1 Oak St", place={"PostalCode": "98101"})
        yield endpoint("e", device="d1", EffectiveDate=None)
        yield endpoint("f", device="d1")
        # Said again since.
        yield endpoint("g", device="d2", **long_ago)
        yield endpoint("g", device="d2")
        yield endpoint("h", device="d2")

    build(lake, landing, *world())
    assert together(lake) == {"ab", "cd", "ef", "gh"}
    build(lake, landing, *world(), confirmed_within="400d")
    assert together(lake) == {"cd", "ef", "gh"}
    assert guards(lake, "phone") == ["old", None]
