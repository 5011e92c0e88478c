"""A file as Pinpoint documents it: what passes, and what is refused by line."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.activation.pinpoint_rules import judge

EXAMPLES = ("pinpoint_import_endpoints.csv", "pinpoint_import_userids.csv")
LONG = "x" * 51
MANY = ",".join(f"Attributes.a{i}" for i in range(251))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_pass(example_files, name):
    verdict = judge((example_files / name).read_bytes())
    assert verdict.file is None
    assert verdict.refused == []
    assert verdict.rows >= 2


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (gzip.compress(b"Id\n1\n", mtime=0), "the file is compressed; it must not be"),
        ("Id\né\n".encode("latin-1"), "the file is not UTF-8"),
        (b"", "line 1: there is no header"),
        (b"Id,EndpointStatus\n", 'line 1: "EndpointStatus" is no column that can be imported'),
        (b"Id,EffectiveDate\n", 'line 1: "EffectiveDate" is no column that can be imported'),
        (b"id\n", 'line 1: "id" is no column that can be imported'),
        (f"Id,Attributes.{LONG}\n".encode(), f'line 1: the name of "Attributes.{LONG}" has 51 characters'),
        (b"Id,Metrics.a,Metrics.a\n", 'line 1: "Metrics.a" is there 2 times; only attributes may repeat'),
        (b"ChannelType,User.UserId\n", "line 1: needs Id, or ChannelType and Address, or User.UserId alone"),
        (b'Id\n"1\n', "line 2: not CSV: quotes do not match"),
        (f"Id,{MANY}\n".encode(), "line 1: 251 attributes and metrics; 250 are allowed"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read(content, problem):
    assert str(judge(content).file).startswith(problem)


@pytest.mark.parametrize(
    ("header", "row", "problem"),
    [
        ("Id,ChannelType", "1,EMIAL", "line 2: ChannelType is none of PUSH, GCM"),
        ("Id,ChannelType,Address", ",EMAIL,", "line 2: Id is required to update an endpoint, ChannelType and Address"),
        ("Id,Address", "1,a@example.org", "line 2: Address needs ChannelType"),
        ("Id,ChannelType,OptOut", "1,EMAIL,SOME", "line 2: OptOut is neither ALL nor NONE"),
        ("Id,Metrics.s", "1,high", "line 2: Metrics.s is not a number"),
        ("Id,Location.Country", "1,USA", "line 2: Location.Country is no ISO 3166 alpha-2 code"),
        ("Id,Attributes.a", "1," + "x" * 101, "line 2: Attributes.a has 101 characters; 100 are allowed"),
        ("Id,Attributes.a", '1,"x\ty"', "line 2: Attributes.a holds a line break or a tab"),
        ("Id,Attributes.a", '1,"x\ny"', "line 3: Attributes.a holds a line break or a tab"),
        ("Id,Attributes.a", "1", "line 2: 1 values for 2 columns"),
        ("User.UserId", '""', "line 2: User.UserId is required"),
    ],
)
def test_a_row_that_is_refused(header, row, problem):
    verdict = judge(f"{header}\n{row}\n".encode())
    assert verdict.file is None
    assert len(verdict.refused) == verdict.rows == 1
    assert str(verdict.refused[0]).startswith(problem)


def test_a_user_has_at_most_fifteen_endpoints():
    lines = "".join(f"e{i},EMAIL,{i}@example.org,c1\n" for i in range(17))
    verdict = judge(f"Id,ChannelType,Address,User.UserId\n{lines}".encode())
    assert [p.line for p in verdict.refused] == [17, 18]


def test_a_row_by_id_alone_updates_an_endpoint_that_the_user_has():
    lines = "".join(f"e{i},c1\n" for i in range(17))
    assert judge(f"Id,User.UserId\n{lines}".encode()).refused == []


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_a_problem_never_repeats_a_value(secret):
    marked = f"secret-{secret}"
    quoted = marked.replace('"', '""')
    verdict = judge(f'Id,ChannelType,Metrics.s\n"{quoted}","{quoted}","{quoted}"\n'.encode())
    assert verdict.refused or verdict.file
    assert not [p for p in [*verdict.refused, verdict.file] if p and "secret" in str(p)]
