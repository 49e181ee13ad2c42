"""Source names that are not paths."""

from digitseq.errors import ArgumentError

AUTO, MNIST, BUILTIN = "auto", "mnist", "builtin"
_RESERVED = (AUTO, MNIST, BUILTIN)


def base_name(name: str) -> str:
    """
    Return the name of digitseq's own source, without style and style seed; "" for any other source.

    >>> base_name("builtin:3"), base_name("mine"), base_name("builtin:3/")
    ('builtin', '', '')
    """
    base = "" if "/" in name else name.partition(":")[0]
    return base if base in _RESERVED else ""


def is_reserved(name: str) -> bool:
    """
    Return whether a name means one of digitseq's own sources, or a mixture of them.

    >>> is_reserved("builtin:3"), is_reserved("mnist=2+builtin"), is_reserved("mnist+mine")
    (True, True, False)
    """
    return "/" not in name and all(base_name(part.partition("=")[0]) for part in name.split("+"))


def own_name(name: str) -> str:
    """
    Return a name for the user's own glyphs, after checking it.

    Raises:
        ArgumentError: it is not a string, is empty or is reserved.
    """
    if not isinstance(name, str) or not name:
        raise ArgumentError("name", f"expected a non-empty string, got {name!r}")
    if is_reserved(name):
        raise ArgumentError(
            "name", f"{name!r} is reserved for one of digitseq's own sources", hint="choose another name"
        )
    return name
