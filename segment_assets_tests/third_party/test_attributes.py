"""What a partner's text means as an attribute."""

import pytest

from segment_assets.audience_config import TextAttribute
from segment_assets.third_party.attributes import Read, reader
from segment_assets.third_party.formats import text_of


@pytest.mark.parametrize("value", [{"a": 1}, ["a"], []])
def test_several_values_are_no_text_and_are_counted_as_unknown(value):
    read = reader(TextAttribute(column="x"))
    assert read(str(text_of(value))) == Read(str(text_of(value)), True)
    assert read(text_of(value)) == Read(None, False)
