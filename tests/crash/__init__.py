"""Servers that are killed, stopped and starved; what was promised must still hold afterwards."""
