"""The admin UI and its API, below /admin; `POST /storage/v1/admin/explain` is here as well."""
