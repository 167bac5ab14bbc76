"""Policies in words for people: as SQL text, in parts with values, with what is missing."""
