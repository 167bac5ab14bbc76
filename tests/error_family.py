"""The family of expected errors, as a list; doors and tests may have further ones of their own."""

from aerostore.errors import StorageError


def error_types(base: type[StorageError] = StorageError) -> list[type[StorageError]]:
    """List `base` and every class of the family below it, parents first."""
    found = [base]
    for child in base.__subclasses__():
        if child.__module__ == StorageError.__module__:
            found.extend(error_types(child))
    return found
