"""Whoever is called by an address is counted and told, and not shown."""

from segment_assets.first_party import readable_ids
from segment_assets.first_party.checks import no_addresses
from segment_assets.operations.failures import TOLD
from segment_assets_tests.first_party.exporting import build, endpoint
from segment_assets_tests.first_party.exporting import put as export
from segment_assets_tests.first_party.loading import event, load_days, normalise, put


def test_ids_that_are_addresses_are_counted_each_once(lake, landing):
    alone = endpoint(1, Id="dana@example.org") | {"User": {}}
    export(landing, alone, endpoint(2, Id="+1 425 555 0142"), endpoint(3), endpoint(4, User={"UserId": "A+ @ 4"}))
    build(lake, landing)
    named = '{"User": {"UserId": "lee@example.org"}}'
    told = [event(number=n, client_context={"custom": {"endpoint": named}}) for n in range(2)]
    put(landing, 1, "a", *told, event(number=2, client={"client_id": "dana@example.org"}))
    load_days(lake, landing)
    normalise(lake)
    of_customers = readable_ids.count(lake, readable_ids.OF_CUSTOMERS)
    assert of_customers == {"customers.customer_id": 1, "customer_endpoints.endpoint_id": 2}
    of_events = readable_ids.count(lake, readable_ids.OF_EVENTS)
    assert of_events == {"engagement_events.user_id": 1, "engagement_events.endpoint_id": 1}
    told = no_addresses(of_customers)
    assert not told.passed
    assert "(1 of customers.customer_id and 2 of customer_endpoints.endpoint_id)" in (told.description or "")
    assert told.check_name in TOLD


def test_where_no_id_is_an_address_nothing_is_told(lake, landing):
    export(landing, endpoint(1))
    build(lake, landing)
    assert no_addresses(readable_ids.count(lake, readable_ids.OF_CUSTOMERS)).passed
