"""Errors of the policy room.

InputError
    BadCommunity    community.toml does not say what a community can be
    BadPolicies     the site's Cedar policies cannot be used; nobody is given anything until they can
"""

from __future__ import annotations

from tocsin.core import InputError


class BadCommunity(InputError):
    """Raised for a community file that cannot be used; the text names the file, the line where it is known, and the key."""


class BadPolicies(InputError):
    """Raised for a folder of policies that cannot be used; the text names the file and what is wrong in it."""
