"""How the API's description tells of lists, where Litestar leaves out what `Meta` says of items."""

from typing import Any

from litestar.openapi.spec import Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import ParameterKwarg
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition
from msgspec import Meta


class Lists(OpenAPISchemaPlugin):
    """Describes `tuple[X, ...]`, as the contract has it."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        inner = field_definition.inner_types
        return field_definition.origin is tuple and len(inner) > 1 and inner[1].annotation is ...

    def to_openapi_schema(
        self,
        field_definition: FieldDefinition,
        schema_creator: Any,  # noqa: ANN401 - its type is none of Litestar's public ones
    ) -> Schema:
        """Describe the list by its items; how many there may be is told of the field itself."""
        item = field_definition.inner_types[0]
        told = FieldDefinition.from_kwarg(item.raw, item.name, kwarg_definition=_bounds(item))
        return Schema(type=OpenAPIType.ARRAY, items=schema_creator.for_field_definition(told))


def _bounds(item: FieldDefinition) -> ParameterKwarg | None:
    for meta in item.metadata:
        if isinstance(meta, Meta):
            return ParameterKwarg(
                ge=meta.ge,
                le=meta.le,
                min_length=meta.min_length,
                max_length=meta.max_length,
                pattern=meta.pattern,
            )
    return None
