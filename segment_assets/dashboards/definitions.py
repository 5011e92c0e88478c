"""The page's own words, each defined in one or two sentences."""

DEFINITIONS: tuple[tuple[str, str], ...] = (
    (
        "As of",
        "The last day of the oldest data under what is shown: the day up to which it can be trusted, not the day it "
        "was computed. At the head of the page: from the oldest part to the newest.",
    ),
    (
        "95 % interval",
        "The range that would hold the true number in about 95 of 100 such tests, found by drawing the customers "
        "again at random. Of two ranges that overlap this page claims no difference, unless both were compared "
        "customer by customer, which it then says.",
    ),
    (
        "Baseline",
        "A rule that needs no model: ranking customers by one number, which is how long ago they last bought "
        "(recency), how often (frequency), or how much they spent (past spend); or the newest rate known, said of "
        "everybody (base rate). Promotion asks a model to beat each.",
    ),
    (
        "Linear model",
        "A logistic regression on all features, and for amounts two regressions: the simpler of the two kinds of model "
        "that are tried. It is shown to say what the other kind adds, and is no baseline.",
    ),
    (
        "Model",
        "The one in service, of which the scores are. A newly trained one, the challenger, takes its place only if it "
        "is promoted; where it was refused, this page says why, and shows it beside the model that stays.",
    ),
    (
        "Better or worse",
        "Said here only where two intervals do not overlap, or, of a loss, where it differs customer by customer, as "
        "promotion compares it: that can show smaller differences. A tie on this page is no proof of equality.",
    ),
    (
        "ROC AUC",
        "How often a customer with the outcome is ranked above one without: 0.5 is chance, 1 is perfect.",
    ),
    (
        "Lift in the top 10 %",
        "How many times more often the outcome occurs in the highest-scored tenth than among everyone scored.",
    ),
    (
        "Log loss and Brier score",
        "How far the probabilities are from what happened; smaller is better.",
    ),
    (
        "Rank correlation",
        "How well the order by score agrees with the order by what happened: 0 is chance, 1 is perfect.",
    ),
    (
        "Calibration",
        "Whether of the customers given 30 %, about 30 in 100 had the outcome.",
    ),
    (
        "Reason",
        "A feature that was among the three that moved a member's score most. It says what the model used, "
        "not what causes what.",
    ),
    (
        "Held out",
        "Customers who qualify but are deliberately not contacted, with their whole household, so that the "
        "effect can be measured.",
    ),
    (
        "Suppressed",
        "Customers who must not be written to again on the segment's channels: they unsubscribed, complained,"
        " their address bounced, or it is on a suppression list.",
    ),
    (
        "Quarantined record",
        "Something delivered that is no valid record. It is kept with its reason, and counted here.",
    ),
    (
        "Quarantined customer or person",
        "One whose identifiers link to so many others that merging them all would be a mistake. The cluster was split.",
    ),
    (
        '<10, "all but <10" and "about"',
        "A group of fewer than ten people is not shown exactly, nor a part of a group that all but a few belong to. "
        "A number beside it is rounded, so that the small one can't be worked out by subtraction.",
    ),
)
