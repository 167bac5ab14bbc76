"""How deep JSON may be that is kept, or judged by policies: answers must be able to hold it."""

import orjson

# orjson reads 1,024 levels and writes 254. What a client sent stands some levels down in an answer.
_LEVELS_AROUND = 50


def is_writable(value: object) -> bool:
    """Tell whether every answer can hold `value`: it is JSON, of 204 levels at most."""
    within = value
    for _ in range(_LEVELS_AROUND):
        within = [within]
    try:
        orjson.dumps(within)
    except orjson.JSONEncodeError:
        return False
    return True
