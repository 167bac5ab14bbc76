"""aerostore: object storage in one process, for Supabase clients and for people who must trust it.

`create_app(settings)` returns the ASGI application; `aerostore serve` runs it.
"""

from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aerostore.app import create_app as create_app
    from aerostore.settings import Settings as Settings

__version__ = version("aerostore")
__all__ = ["Settings", "__version__", "create_app"]


def __getattr__(name: str) -> object:
    # Imported when asked for: the layers below must not pull in the front gate through this module.
    if name == "create_app":
        from aerostore.app import create_app

        return create_app
    if name == "Settings":
        from aerostore.settings import Settings

        return Settings
    raise AttributeError(name)
