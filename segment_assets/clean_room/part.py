"""What every model of AWS's JSON has in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

ColumnName = Annotated[str, Field(pattern=r"^[a-z0-9_](([a-z0-9_ ]+-)*([a-z0-9_ ]+))?$", max_length=127)]


class Part(BaseModel):
    """A structure of AWS's JSON: camelCase there, snake_case here, nothing unknown."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, protected_namespaces=()
    )
