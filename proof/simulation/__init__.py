"""Seeded random worlds, lived by the real decision code under audit."""
