"""CloudWatch's decision about an alarm, as documented: nothing on this machine evaluates one.

docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from segment_assets_tests.aws_double.cloudwatch import Datum

STATISTICS = {"Sum": sum, "Maximum": max}
COMPARISONS = {"GreaterThanThreshold": lambda value, threshold: value > threshold}


def state(alarm: dict[str, Any], data: Iterable[Datum], now: datetime) -> str:
    """ALARM where every one of the last periods breaches, else OK.

    Args:
        alarm: its properties in the template; what is not known here fails loudly.
        data: all that CloudWatch was told.
        now: when it is evaluated.
    """
    wanted = tuple(sorted((d["Name"], d["Value"]) for d in alarm.get("Dimensions", ())))
    mine = [d for d in data if (d.namespace, d.name, d.dimensions) == (alarm["Namespace"], alarm["MetricName"], wanted)]
    length = timedelta(seconds=alarm["Period"])
    breaching = []
    for number in range(alarm["EvaluationPeriods"]):
        end = now - number * length
        values = [d.value for d in mine if end - length < d.at <= end]
        breaching.append(_breaches(alarm, values))
    return "ALARM" if all(breaching) else "OK"


def _breaches(alarm: dict[str, Any], values: list[float]) -> bool:
    if not values:
        return {"breaching": True, "notBreaching": False}[alarm["TreatMissingData"]]
    value = STATISTICS[alarm["Statistic"]](values)
    return bool(COMPARISONS[alarm["ComparisonOperator"]](value, float(alarm["Threshold"])))
