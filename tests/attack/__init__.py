"""Attacks on a running service: each is tried, and what it may not reach is looked at afterwards."""
