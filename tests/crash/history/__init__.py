"""Concurrent histories, and the search for one order of all requests that explains every answer."""
