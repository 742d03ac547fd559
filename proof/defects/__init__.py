"""Defects, planted one at a time into a copy of the project: each must be found by the command that claims to."""
