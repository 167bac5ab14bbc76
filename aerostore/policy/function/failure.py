"""The errors that several groups of functions raise, with PostgreSQL's codes and words."""

from aerostore.policy.problem import EvaluationError
from aerostore.policy.value import Type


def invalid_text(type_: Type, text: str) -> EvaluationError:
    """Return the error for text that is no value of a type."""
    return EvaluationError("22P02", f'invalid input syntax for type {type_}: "{text}"')


def out_of_range(type_: Type) -> EvaluationError:
    """Return the error for a number that its type cannot hold."""
    return EvaluationError("22003", f"{type_} out of range")


def invalid_parameter(message: str) -> EvaluationError:
    """Return the error for an argument that a function does not accept."""
    return EvaluationError("22023", message)


def too_large(message: str) -> EvaluationError:
    """Return the error for a value beyond what this engine keeps in memory."""
    return EvaluationError("54000", message)


def unsupported(message: str) -> EvaluationError:
    """Return the error for what PostgreSQL might do but this engine does not: it never guesses."""
    return EvaluationError("0A000", message)
