"""Syntax to typed expressions, by PostgreSQL's rules of names, types and overloads. See `binder`."""
