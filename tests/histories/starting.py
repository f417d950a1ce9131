"""What each start of a server works out anew though it never differs: worked out once here.

A server is started four times in a history. What is kept over its death is about code alone: how
a statement is spelled in SQL, which parameters a handler has. Whatever a start holds (routes,
handlers, doors, limits, connections) is made anew by each.
"""

from types import CodeType
from typing import Any, Final, TypeVar

import litestar.router
from litestar._signature import SignatureModel
from litestar.utils.signature import ParsedSignature
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

T = TypeVar("T")


def _sharing(  # options by name: SQLAlchemy looks which there are
    self: Engine,
    pool: Any,  # noqa: ANN401 - the engine's own
    dialect: Any,  # noqa: ANN401 - as above
    url: Any,  # noqa: ANN401 - as above
    hide_parameters: bool = False,  # noqa: FBT001, FBT002 - as above
    execution_options: Any = None,  # noqa: ANN401 - as above
    **how: Any,  # noqa: ANN401 - as above
) -> None:
    how |= {"hide_parameters": hide_parameters, "execution_options": execution_options}
    _ENGINE(self, pool, dialect, url, **how)
    self._compiled_cache = _COMPILED  # pyright: ignore[reportPrivateUsage] - no other way


def _is_alike(self: DefaultDialect, other: object) -> bool:
    return type(self) is type(other)


def _hash_of_kind(self: DefaultDialect) -> int:
    return hash(type(self))


def _itself(router: T) -> T:
    """Return a router that is registered once, so needs no copy."""
    return router


def _signature(fn: Any, names: dict[str, Any]) -> ParsedSignature:  # noqa: ANN401 - a handler
    code = fn.__code__
    if code not in _SIGNATURES:
        _SIGNATURES[code] = _PARSE(fn, names)
    return _SIGNATURES[code]


def _model(*, fn: Any, **how: Any) -> type[SignatureModel]:  # noqa: ANN401 - a handler
    code = fn.__code__
    if code not in _MODELS:
        _MODELS[code] = _MODEL(fn=fn, **how)
    return _MODELS[code]


_ENGINE: Final[Any] = Engine.__init__
_COMPILED: Final[LRUCache[Any, Any]] = LRUCache(5000)
_PARSE: Final = ParsedSignature.from_fn
_MODEL: Final[Any] = SignatureModel.create  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - of its data transfer objects
_SIGNATURES: Final[dict[CodeType, ParsedSignature]] = {}
_MODELS: Final[dict[CodeType, type[SignatureModel]]] = {}
KEPT: Final[tuple[tuple[Any, str, Any], ...]] = (
    (Engine, "__init__", _sharing),
    (DefaultDialect, "__eq__", _is_alike),
    (DefaultDialect, "__hash__", _hash_of_kind),
    (litestar.router, "deepcopy", _itself),
    (ParsedSignature, "from_fn", _signature),
    (SignatureModel, "create", _model),
)
