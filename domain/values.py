"""Frozen values, made and copied at a price that a book of a hundred thousand subscriptions can bear.

A frozen dataclass sets each of its fields through a call, and `dataclasses.replace` hands them all to that constructor
by name: for a state of over sixty fields that was three quarters of what a simulated month cost. Here each such class
gets a subclass of the same layout that is not frozen. A value is made, or copied, as one of those, field by field, and
takes on its own class once it has its fields. It is as frozen then as any other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_COPIERS: dict[type, Callable[[Any], Any]] = {}
"""What copies the values of a class; as many as there are classes whose values are copied, a dozen."""

if TYPE_CHECKING:
    from dataclasses import replace as replace  # the type checker knows which fields each class has
else:

    def replace(value, /, **changes):
        """The same value with some of its fields changed. It is not checked by `__post_init__` again.

        Raises AttributeError for a field that the class does not have, TypeError for what `thawed` refuses.
        """
        kind = type(value)
        copy = (_COPIERS.get(kind) or _known(kind))(value)
        for name in changes:
            setattr(copy, name, changes[name])
        copy.__class__ = kind
        return copy


def thawed(value: T) -> T:
    """A copy whose fields can be set until it is `frozen`. It belongs to whoever asked for it and to nobody else.

    Raises TypeError for what is no slotted dataclass.
    """
    kind = type(value)
    copy: T = (_COPIERS.get(kind) or _known(kind))(value)
    return copy


def frozen(copy: T) -> T:
    """The very same object, a value from now on: none of its fields can be set again."""
    if type(copy).__setattr__ is object.__setattr__:
        copy.__class__ = type(copy).__base__  # type: ignore[assignment]  # the class that it was thawed from
    return copy


def maker(kind: Callable[P, T]) -> Callable[P, T]:
    """What makes values of a frozen, slotted dataclass as its constructor does, in less than two thirds of the time.

    Raises TypeError for a field with a `default_factory`, and for what `thawed` refuses.
    """
    if not isinstance(kind, type):
        raise TypeError(f"{kind!r}: expected a class")
    names = _names(kind)
    written: dict[str, Any] = {"new": object.__new__, "Open": _open(kind), "Kind": kind}
    asked = []
    for field in fields(kind):
        if field.default_factory is not MISSING or not field.init or field.kw_only:
            raise TypeError(f"{kind.__qualname__}.{field.name}: expected a plain field, with or without a default")
        written[f"default_{field.name}"] = field.default
        asked.append(field.name if field.default is MISSING else f"{field.name}=default_{field.name}")
    lines = [f"def make({', '.join(asked)}):", " made = new(Open)"]
    lines += [*(f" made.{name} = {name}" for name in names), " made.__class__ = Kind"]
    if hasattr(kind, "__post_init__"):
        lines.append(" made.__post_init__()")
    exec("\n".join([*lines, " return made"]), written)  # noqa: S102 - as `dataclasses` writes its constructors
    make: Callable[P, T] = written["make"]
    return make


def _known(kind: type) -> Callable[[Any], Any]:
    copier = _COPIERS[kind] = _copier(kind)
    return copier


def _copier(kind: type) -> Callable[[Any], Any]:
    """What copies a value of this class into one that can be changed."""
    written: dict[str, Any] = {"new": object.__new__, "Open": _open(kind)}
    lines = ["def copy(value):", " made = new(Open)", *(f" made.{name} = value.{name}" for name in _names(kind))]
    exec("\n".join([*lines, " return made"]), written)  # noqa: S102 - as above
    copier: Callable[[Any], Any] = written["copy"]
    return copier


def _open(kind: type) -> type:
    """The subclass that is not frozen. It adds no field, so that its values can take on the class they come from."""
    settable = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(kind.__name__, (kind,), {"__slots__": (), **settable})


def _names(kind: type) -> tuple[str, ...]:
    """The names of the fields. Raises TypeError for what is no slotted dataclass of fields of its own."""
    if "__dataclass_fields__" in kind.__dict__:
        names = tuple(field.name for field in fields(kind))
        if kind.__dict__.get("__slots__") == names and kind.__base__ is object:
            return names
    raise TypeError(f"{kind.__qualname__}: expected a slotted dataclass that inherits nothing")
