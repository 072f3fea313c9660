"""The error tree is drawn in its module's docstring: it must be the true one."""

import inspect
import re

from hub.core import errors


def test_the_drawn_tree_is_the_real_one():
    classes = [c for _, c in inspect.getmembers(errors, inspect.isclass)]
    real = {c.__name__: len(c.__mro__) for c in classes if c.__module__ == errors.__name__}
    drawn = re.findall(r"^    ([│├└─ ]*)(\w+)  ", errors.__doc__ or "", re.MULTILINE)
    base = len(errors.DernyError.__mro__)
    assert {name: base + len(branch) // 4 for branch, name in drawn} == real


def test_codes_are_distinct():
    codes = [c.code for c in (errors.DernyError, errors.UserError, errors.ConfigError,
                              errors.NotFound, errors.Denied, errors.Conflict,
                              errors.IllegalInput, errors.Unavailable)]  # fmt: skip
    assert len(set(codes)) == len(codes)


def test_a_remedy_follows_the_message():
    error = errors.ConfigError("hub.toml", "listen.port", "not a port", remedy="use 1-65535")
    assert str(error) == "hub.toml: listen.port: not a port - use 1-65535"
    assert str(errors.NotFound("no such ride")) == "no such ride"
