"""Which object a path names: the same text for every door, decoded once by the gate."""

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request


class _NameConvertor(Convertor[str]):
    """The rest of a path, whatever it holds: the name rules are the service's, newlines included."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("name", _NameConvertor())


def address(request: Request) -> tuple[str, str]:
    """Return the bucket and the object name in the path."""
    return request.path_params["bucket"], request.path_params["name"]
