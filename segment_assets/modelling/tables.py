"""Tables of step 8: features, labels, evaluations and scores."""

import pyarrow as pa

from segment_assets.lake import Table, column, utc_timestamp

# Behind the name of a loss in `model_evaluation`: a contender's less the model's on the same customers, so above 0 the
# model is better.
GAIN = "_gain"
_TEXT = pa.string()

FEATURES = Table(
    "modelling.features",
    "What was known of each customer before each cutoff, and nothing later. The data decides the other columns.",
    pa.schema(
        [
            column("customer_id", _TEXT, "Customer", required=True),
            column("cutoff", pa.date32(), "Only records received before this day count", required=True),
            column("known_until", utc_timestamp(), "When the newest fact behind the row was known, UTC", required=True),
        ]
    ),
    key=("customer_id", "cutoff"),
)


def training_examples(target: str) -> Table:
    """One row per eligible customer and past cutoff whose horizon has ended, and whose outcomes are in."""
    return Table(
        f"modelling.training_examples_{target}",
        f"What {target} turned out to be, for every customer who could have been scored at each past cutoff.",
        pa.schema(
            [
                column("customer_id", _TEXT, "Customer", required=True),
                column("cutoff", pa.date32(), "Features are as of this day", required=True),
                column("label_until", pa.date32(), "End of the horizon, exclusive", required=True),
                column("known_by", pa.date32(), "The same, and as many days more as outcomes come late"),
                column("label", pa.float64(), "1 or 0 for events, the sum for values", required=True),
            ]
        ),
        key=("customer_id", "cutoff"),
    )


def model_evaluation(target: str) -> Table:
    """One row per test cutoff (and pooled), contender and metric."""
    return Table(
        f"modelling.model_evaluation_{target}",
        f"How well {target} was predicted out of time, beside simple baselines, each with its uncertainty.",
        pa.schema(
            [
                column(
                    "cutoff",
                    _TEXT,
                    "Test cutoff, or pooled; unseen: pooled over what the model before was not trained on",
                    required=True,
                ),
                column(
                    "contender",
                    _TEXT,
                    "model: in service; challenger: refused, so that the model stays; champion: in service before the "
                    "model; logistic; or a baseline: recency, frequency, past_spend, base_rate",
                    required=True,
                ),
                column(
                    "metric",
                    _TEXT,
                    "Events: roc_auc, average_precision, log_loss, brier, lift_5, lift_10, lift_20, calibration_slope, "
                    "calibration_intercept, calibration_error. Values: mae, spearman, value_share_10. Both: "
                    "calibration_ratio. log_loss_gain, mae_gain: a contender's loss less the model's",
                    required=True,
                ),
                column("value", pa.float64(), "The metric", required=True),
                column("low", pa.float64(), "Lower end of the 95 % interval, bootstrapped by customer"),
                column("high", pa.float64(), "Upper end"),
                column("examples", pa.int64(), "Examples it rests on", required=True),
                column("why", _TEXT, "Of a challenger that was refused: why"),
            ]
        ),
        key=("cutoff", "contender", "metric"),
    )


def customer_scores(target: str) -> Table:
    """One row per eligible customer, as of the newest cutoff."""
    return Table(
        f"modelling.customer_scores_{target}",
        f"What to expect of each customer: {target}, calibrated, with what moved it most.",
        pa.schema(
            [
                column("customer_id", _TEXT, "Customer", required=True),
                column("as_of", pa.date32(), "The cutoff of the features", required=True),
                column("score", pa.float64(), "Probability, or expected value; 9 decimals", required=True),
                column("decile", pa.int32(), "1 is the highest tenth", required=True),
                column(
                    "base_value",
                    pa.float64(),
                    "Score before any feature: log-odds of the probability, or the value's own unit. With the three "
                    "contributions and the rest it sums to the score on that scale",
                ),
                *(
                    field
                    for i in (1, 2, 3)
                    for field in (
                        column(f"reason_{i}", _TEXT, f"Feature that moved the score most, number {i}"),
                        column(f"contribution_{i}", pa.float64(), "By how much: log-odds, or the value's own unit"),
                    )
                ),
                column("contribution_rest", pa.float64(), "What all other features moved it by, together"),
                column("model_version", _TEXT, "Version of the model", required=True),
            ]
        ),
        key=("customer_id",),
    )


def backtest(target: str) -> Table:
    """One row per example of the test cutoffs: what each contender would have said, trained before the cutoff."""
    said = {
        "challenger": "The recipe with the lower out-of-time loss",
        "champion": "The model in service then; null where it was trained on the outcome, or there was none",
        "logistic": "Logistic regression (values: times a gamma regression)",
        "boosting": "Boosted trees",
        "recency": "A line through recency alone; null where features lack it",
        "frequency": "A line through frequency alone; null where features lack it",
        "past_spend": "A line through past spend alone; null where features lack it",
        "base_rate": "The mean of the newest outcomes known, the same for everybody",
    }
    return Table(
        f"modelling.backtest_{target}",
        f"What every contender would have said of {target} before it was known: the rows behind each evaluation.",
        pa.schema(
            [
                column("customer_id", _TEXT, "Customer", required=True),
                column("cutoff", pa.date32(), "Test cutoff", required=True),
                column("label", pa.float64(), "What happened: 1 or 0, or the sum", required=True),
                *(column(name, pa.float64(), doc) for name, doc in said.items()),
            ]
        ),
        key=("cutoff", "customer_id"),
    )
