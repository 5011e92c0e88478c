"""What landed last is looked at before anything is built."""

import gzip

import pytest

from segment_assets.lake import FolderStore
from segment_assets.operations.landed import misfits, without_records
from segment_assets.segmentation import Segmentation
from segment_assets_tests.first_party.loading import load_days

LANDING = {
    "events": {"format": "table", "table": {"customer": "who", "time": "at", "event_name": "purchase"}},
    "customers": {"format": "table", "table": {"customer": "id", "email": "mail", "email_consent": "consent"}},
    "suppression": {"stop": {"path": "suppression/stop.csv", "email": "mail"}},
}
AUDIENCE = {"path": "partner/", "email": "mail", "attributes": {"income": "income"}}


def config(**more) -> Segmentation:
    """A table of each kind, and a partner where one is given."""
    known = {
        "name": "shop",
        "landing": LANDING,
        "targets": {"churn": {"kind": "absence", "event": "purchase", "horizon": "28d"}},
    }
    return Segmentation.model_construct(**dict(Segmentation.model_validate(known)) | more)


@pytest.fixture
def landed(tmp_path):
    """Puts files into both landing places; what is said of the newest."""
    ours, theirs = FolderStore(tmp_path / "ours"), FolderStore(tmp_path / "theirs")

    def put(files, asked=None):
        for key, text in files.items():
            content = gzip.compress(text.encode()) if key.endswith(".gz") else text.encode()
            (theirs if key.startswith("partner/") else ours).write(key, content)
        return list(misfits(asked or config(), {"landing": ours, "partner_landing": theirs}))

    return put


def test_where_nothing_landed_there_is_nothing_to_tell(landed):
    assert landed({}) == []
    assert landed({"events/empty.csv": "", "customers/2026/10/01/c.csv": ""}) == []


def test_what_has_the_columns_is_not_told(landed):
    files = {
        "events/a.csv": "who,at\nanna,2026-01-01\n",
        "customers/2026/10/01/c.csv.gz": "id;mail;consent\nanna;a@example.org;granted\n",
        "suppression/stop.csv": "mail\n",
    }
    assert landed(files) == []


def test_each_place_whose_newest_file_lacks_a_column_is_told_in_the_words_of_its_reader(landed):
    old = {"events/z.csv": "who,at\nanna,2026-01-01\n", "customers/2026/09/01/c.csv": "id,mail,consent\n"}
    assert landed(old) == []
    files = {
        "events/a.csv": "who,att\nanna,2026-01-01\n",
        "customers/2026/10/01/c.csv": "id,mail,konsent\nanna,a@example.org,granted\n",
        "suppression/stop.csv": "a@example.org\nb@example.org\n",
    }
    assert landed(files) == [
        'segmentation.yaml: landing.events.table: events/a.csv has no column "at" (did you mean "att"?)',
        "segmentation.yaml: landing.customers.table: customers/2026/10/01/c.csv has no column "
        '"consent" (did you mean "konsent"?)',
        'segmentation.yaml: landing.suppression.stop: suppression/stop.csv has no column "mail" (its first line, of '
        "one column, does not look like column names of yours); if it is no such table, move it away, or let its name "
        "begin with _, which is not read",
    ]


def test_files_of_events_that_hold_no_record_are_told_and_those_that_do_are_not(lake, landing):
    asked = config()
    landing.write("events/a.csv", b"who,at\nanna,2026-01-01\n")
    load_days(lake, landing, where=asked.landing.events)
    assert without_records(asked, landing, lake) == ""
    landing.write("events/new.csv", b"who,at\nbo,2026-01-02\n")
    landing.write("events/header.csv", b"who,at\n")
    landing.write("events/_mark.csv", b"")
    told = "events/header.csv of events holds no record: empty, or a header alone. Deliver again what should have some"
    assert without_records(asked, landing, lake) == told
    landing.write("events/empty.csv", b"")
    assert without_records(asked, landing, lake).startswith("events/empty.csv and 1 more file of events hold no record")


def test_so_is_the_partners_newest_delivery(landed):
    from segment_assets.audience_config import Audience

    asked = config(audience=Audience.model_validate(AUDIENCE))
    assert landed({"partner/2026-09-01.csv": "mail,income\nx,high\n"}, asked) == []
    assert landed({"partner/2026-10-01.csv": "mail,incme\nx,high\n"}, asked) == [
        'partner/2026-10-01.csv: there is no column "income" (did you mean "incme"?); segmentation.yaml: '
        "audience.attributes.income names it"
    ]
    assert landed({"partner/2026-11-01.xlsx": "PK"}, asked) == [
        "partner/2026-11-01.xlsx: is a spreadsheet; save it as CSV"
    ]


SOURCES = {
    "orders": {"path": "events/orders/", "format": "table", "table": LANDING["events"]["table"]},
    "mail": {"path": "events/ses/", "format": "ses"},
}


def of_sources() -> Segmentation:
    return Segmentation.model_validate(
        {
            "name": "shop",
            "landing": LANDING | {"events": {"sources": SOURCES}},
            "targets": {"churn": {"kind": "absence", "event": "purchase", "horizon": "28d"}},
        }
    )


def test_of_several_sources_the_newest_file_of_each_table_is_looked_at(landed):
    fits = {"events/orders/a.csv": "who,at\nanna,2026-01-01\n", "events/ses/a.gz": "{}"}
    assert landed(fits, of_sources()) == []
    [said] = landed({"events/orders/b.csv": "kunde,at\nanna,2026-01-01\n"}, of_sources())
    assert 'events/orders/b.csv has no column "who"' in said
    assert "landing.events.sources.orders.table" in said


def test_of_several_sources_files_without_records_are_told(tmp_path, lake):
    landing = FolderStore(tmp_path / "ours")
    landing.write("events/orders/bare.csv", b"who,at\n")
    landing.write("events/ses/nothing.gz", b"")
    assert without_records(of_sources(), landing, lake).startswith("events/orders/bare.csv of events holds no record")
