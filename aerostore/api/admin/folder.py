"""Folders as the admin UI asks for them: what the public API does, at paths of its own."""

from starlette.routing import Route

from aerostore.api.rest.folder import FolderDoor


class PrefixDoor:
    """The folder operations of `folders`. Jobs have a door of their own here."""

    def __init__(self, folders: FolderDoor) -> None:
        self._folders = folders

    def routes(self) -> list[Route]:
        """List the routes; each is named after its operation."""
        folders = self._folders
        return [
            Route("/prefix/move", folders.move, methods=["POST"], name="storage.folder.move"),
            Route("/prefix/copy", folders.copy, methods=["POST"], name="storage.folder.copy"),
            Route("/prefix/delete", folders.delete, methods=["POST"], name="storage.folder.delete"),
        ]
