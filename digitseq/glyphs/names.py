"""Names of sources that are not paths."""

from digitseq.errors import ArgumentError

AUTO, MNIST, BUILTIN = "auto", "mnist", "builtin"
_RESERVED = (AUTO, MNIST, BUILTIN)


def is_reserved(name: str) -> bool:
    """
    Return whether a name, which may end in a style or style seed, belongs to a source of digitseq.

    >>> is_reserved("builtin:3"), is_reserved("mine"), is_reserved("builtin:3/")
    (True, False, False)
    """
    return "/" not in name and name.partition(":")[0] in _RESERVED


def own_name(name: str) -> str:
    """
    Return the name of the user's own glyphs.

    Raises:
        ArgumentError: it is no text, empty or reserved.
    """
    if not isinstance(name, str) or not name:
        raise ArgumentError("name", f"expected the name of a source, got {name!r}")
    if is_reserved(name):
        raise ArgumentError(
            "name", f"{name!r} is the name of a source of digitseq", hint="choose another name"
        )
    return name
