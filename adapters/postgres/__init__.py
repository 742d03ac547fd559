"""PostgreSQL: the books."""
