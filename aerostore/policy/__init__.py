"""Row-level security policies in PostgreSQL's own syntax, decided without PostgreSQL.

Reads CREATE POLICY files, type-checks them by PostgreSQL's rules, and turns them, for one request, into a
decision or into a condition for SQLite. It refuses when loading what it cannot decide exactly as
PostgreSQL does. Stands alone: it imports nothing else of aerostore.
"""
