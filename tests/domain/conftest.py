"""What the tests of the domain ask for by name."""

from tests.domain.variations import vary

__all__ = ["vary"]
