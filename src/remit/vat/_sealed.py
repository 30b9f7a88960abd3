"""Lists and dictionaries inside the records of an object's state: they can be read, and not changed.

A record is one value: a turn could not put back what was changed inside it, and a durable vat would not see it. So what is
inside is sealed when a record is put into a field; it passes on as plain copies. To change it, set the field to a new record.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn

from remit.errors import Misuse
from remit.values import Tagged, register_copier

_put_value: Final = vars(Tagged)["value"].__set__  # `object.__setattr__` refuses the classes of a compiled build


def _refuse(self: Any, *_args: Any, **_kwargs: Any) -> NoReturn:
    kind = "list" if isinstance(self, list) else "dict"
    raise Misuse(
        f"a {kind} inside a record cannot be changed: make a new record of a changed copy, and set the field to it"
    )


class SealedList(list[Any]):
    """A list that cannot be changed."""

    __slots__ = ()

    append = extend = insert = pop = remove = clear = sort = reverse = _refuse
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse

    def __reduce__(self) -> Any:
        return list, (list(self),)


class SealedDict(dict[Any, Any]):
    """A dictionary that cannot be changed."""

    __slots__ = ()

    pop = popitem = setdefault = update = clear = _refuse
    __setitem__ = __delitem__ = __ior__ = _refuse

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


def seal(value: Any) -> Any:
    """A value, of which nobody else has this copy, with all that is inside its records sealed."""
    if type(value) is Tagged:
        _put_value(value, _inside(value.value))
    else:
        for name in getattr(type(value), "__record_fields__", ()):
            object.__setattr__(value, name, _inside(getattr(value, name)))
    return value


def _inside(value: Any) -> Any:
    if type(value) is list:
        return SealedList([_inside(part) for part in value])
    if type(value) is dict:
        return SealedDict({name: _inside(part) for name, part in value.items()})
    return seal(value)


register_copier(SealedList, list)
register_copier(SealedDict, dict)
