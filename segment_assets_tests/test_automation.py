"""Code versions follow the source and the configuration they are asked about, and nothing else."""

import subprocess
import sys

from segment_assets.automation import code_version
from segment_assets.segmentation import DEMO_FILE, load


def test_configuration_and_libraries_are_part_of_a_code_version() -> None:
    targets = load(DEMO_FILE).targets
    plain = code_version("sql", targets["churn_28d"])
    assert plain == code_version("sql", targets["churn_28d"])
    assert plain != code_version("sql", targets["spend_28d"])
    assert plain != code_version("sql", targets["churn_28d"], libraries=["duckdb"])
    assert plain != code_version("lake", targets["churn_28d"])


def test_loading_the_embedded_definitions_imports_no_aws_library_and_no_scikit_learn() -> None:
    script = (
        "import sys, warnings; warnings.simplefilter('ignore'); import segment_assets.definitions; "
        "print([m for m in ('boto3', 'botocore', 'dagster_aws', 'sklearn', 'skops') if m in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed.strip().splitlines()[-1] == "[]"
