"""The double of Neptune refuses what Neptune refuses, and says loudly what it does not do."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from segment_assets_tests.aws_double.front import REGION
from segment_assets_tests.aws_double.world import world

PEOPLE = "~id,~label,id:String(single),age:Int(single)\n"
KNOWS = "~id,~from,~to,~label,since:Long\n"
Loading = Callable[..., dict[str, Any]]


@pytest.fixture
def loading(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loading]:
    """Puts files below a prefix of their own, loads them, and gives the load's last status."""
    with world(monkeypatch) as (aws, where):
        s3, neptune = boto3.client("s3"), boto3.client("neptunedata", endpoint_url=aws.endpoint)

        def load(prefix: str, **files: str) -> dict[str, Any]:
            for name, text in files.items():
                s3.put_object(Bucket=where.exports_bucket, Key=f"{prefix}/{name}.csv", Body=text.encode())
            assert where.neptune
            started = neptune.start_loader_job(
                source=f"s3://{where.exports_bucket}/{prefix}/",
                format="csv",
                s3BucketRegion=REGION,
                iamRoleArn=where.neptune.load_role_arn,
                mode="NEW",
            )
            polled = [
                neptune.get_loader_job_status(loadId=started["payload"]["loadId"], errors=True)["payload"]
                for _ in range(3)
            ]
            assert polled[0]["overallStatus"]["status"] == "LOAD_NOT_STARTED"
            last: dict[str, Any] = polled[-1]
            return last

        load.ask = lambda text: neptune.execute_open_cypher_query(openCypherQuery=text)["results"]
        yield load


def ended(status: dict[str, Any]) -> tuple[str, str]:
    logs = status.get("errors", {}).get("errorLogs", [])
    return status["overallStatus"]["status"], logs[0]["errorCode"] if logs else ""


def test_vertices_are_loaded_before_edges_and_a_blank_is_no_value(loading: Loading):
    status = loading("a", a_edges=KNOWS + "e,1,2,KNOWS,7\n", b_people=PEOPLE + '1,Human,"Ann, ""A""",\n2,Human,"",30\n')
    assert ended(status) == ("LOAD_COMPLETED", "")
    assert status["overallStatus"]["totalRecords"] == 3
    asked = "MATCH (a:Human)-[k:KNOWS]->(b:Human) RETURN a.id AS a, a.age AS age, b.id AS b, k.since AS since"
    assert loading.ask(asked) == [{"a": 'Ann, "A"', "age": None, "b": "", "since": 7}]


def test_the_same_rows_again_are_counted_as_duplicates_and_are_there_once(loading: Loading):
    for prefix, duplicates in (("a", 0), ("b", 1)):
        overall = loading(prefix, people=PEOPLE + "1,Human,Ann,30\n")["overallStatus"]
        assert overall["totalDuplicates"] == duplicates
    assert loading.ask("MATCH (n:Human) RETURN count(*) AS n") == [{"n": 1}]


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ({"edges": KNOWS + "e,1,2,KNOWS,7\n"}, "FROM_OR_TO_VERTEX_ARE_MISSING"),
        ({"people": PEOPLE + "1,Human,Ann,30\n1,Human,Bob,30\n"}, "SINGLE_CARDINALITY_VIOLATION"),
        (
            {"p": PEOPLE + "1,Human,Ann,3\n2,Human,Bob,3\n", "q": KNOWS + "e,1,2,K,7\ne,2,1,K,7\n"},
            "ID_ASSIGNED_TO_MULTIPLE_EDGES",
        ),
        ({"people": PEOPLE + "1,Human,Ann,thirty\n"}, "PARSING_ERROR"),
        ({"people": "~id,id:String(single)\n1,Ann\n"}, "PARSING_ERROR"),
        ({"edges": "~id,~from,~to,~label,since:Long(single)\ne,1,2,K,7\n"}, "PARSING_ERROR"),
    ],
)
def test_what_neptune_refuses_ends_the_load(loading: Loading, files: dict[str, str], error: str):
    assert ended(loading("a", **files)) == ("LOAD_FAILED", error)


def test_a_prefix_with_nothing_in_it_is_an_invalid_request(loading: Loading):
    assert ended(loading("nothing")) == ("LOAD_FAILED_INVALID_REQUEST", "")


def test_a_property_of_many_values_is_said_to_be_not_built(loading: Loading):
    with pytest.raises(ClientError, match="name:String' is not built"):
        loading("a", people="~id,~label,name:String\n1,Human,Ann\n")


def test_gremlin_is_said_to_be_not_built(monkeypatch: pytest.MonkeyPatch):
    with world(monkeypatch) as (aws, _):
        neptune = boto3.client("neptunedata", endpoint_url=aws.endpoint)
        with pytest.raises(ClientError, match=r"neptunedata\.ExecuteGremlinQuery is not built"):
            neptune.execute_gremlin_query(gremlinQuery="g.V()")
        assert neptune.get_engine_status()["status"] == "healthy"
        assert neptune.get_propertygraph_summary()["payload"]["graphSummary"]["numNodes"] == 0


def test_labels_that_nothing_has_match_nothing(loading: Loading):
    assert loading.ask("MATCH (a:Nobody {id: 'x'})-[r:KNOWS]->(b:Nobody) RETURN b.id AS id, r.since AS s") == []
    assert loading.ask("MATCH (a:Nobody) RETURN count(*) AS n") == [{"n": 0}]
