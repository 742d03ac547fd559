"""Tests, by room and by kind. A package: a dependency installs another one of that name."""
