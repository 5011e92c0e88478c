"""The evaluator that the tests of roles rest on decides as IAM does."""

import pytest

from segment_assets_tests.deploy.iam import allows, like

READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::lake/segments/*"}
PLAIN = {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}


def test_what_is_not_allowed_is_denied() -> None:
    assert allows([READ], "s3:GetObject", "arn:aws:s3:::lake/segments/part-0")
    assert not allows([READ], "s3:GetObject", "arn:aws:s3:::lake/raw/part-0")
    assert not allows([READ], "s3:PutObject", "arn:aws:s3:::lake/segments/part-0")
    assert not allows([], "s3:GetObject", "arn:aws:s3:::lake/segments/part-0")


def test_an_explicit_deny_wins() -> None:
    thing = "arn:aws:s3:::lake/segments/part-0"
    assert allows([READ, PLAIN], "s3:GetObject", thing, {"aws:SecureTransport": "true"})
    assert not allows([READ, PLAIN], "s3:GetObject", thing, {"aws:SecureTransport": "false"})


def test_a_condition_about_what_the_request_does_not_say_does_not_hold() -> None:
    conditional = READ | {"Condition": {"StringEquals": {"aws:ResourceAccount": "123456789012"}}}
    assert not allows([conditional], "s3:GetObject", "arn:aws:s3:::lake/segments/part-0")


def test_every_condition_must_hold_and_any_of_its_values_may() -> None:
    two = {"StringLike": {"s3:prefix": ["a/*", "b/*"]}, "StringEquals": {"aws:ResourceAccount": "1"}}
    listing = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::lake", "Condition": two}
    context = {"s3:prefix": "b/x", "aws:ResourceAccount": "1"}
    assert allows([listing], "s3:ListBucket", "arn:aws:s3:::lake", context)
    assert not allows([listing], "s3:ListBucket", "arn:aws:s3:::lake", context | {"s3:prefix": "c/x"})
    assert not allows([listing], "s3:ListBucket", "arn:aws:s3:::lake", context | {"aws:ResourceAccount": "2"})


def test_actions_know_no_case_and_resources_do() -> None:
    assert allows([READ], "S3:getobject", "arn:aws:s3:::lake/segments/part-0")
    assert not allows([READ], "s3:GetObject", "arn:aws:s3:::lake/SEGMENTS/part-0")


def test_brackets_are_no_wildcards() -> None:
    assert like("a[b]c", "a[b]*")
    assert not like("abc", "a[b]c")


def test_an_operator_that_is_not_known_is_an_error() -> None:
    odd = READ | {"Condition": {"NumericLessThan": {"s3:max-keys": "10"}}}
    with pytest.raises(KeyError, match="NumericLessThan"):
        allows([odd], "s3:GetObject", "arn:aws:s3:::lake/segments/part-0", {"s3:max-keys": "1"})
