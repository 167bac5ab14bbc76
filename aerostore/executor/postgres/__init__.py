"""Rows in PostgreSQL, judged by the database's own policies: `unit` runs work, `installation` prepares."""

from aerostore.executor.postgres.unit import PostgresExecutor

__all__ = ("PostgresExecutor",)
