"""Abuse and overload: clients that stall, flood, lie and leave, and machines that run out of something."""
