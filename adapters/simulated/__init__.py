"""Outside parties that are played: they answer by script and keep their own books in PostgreSQL, as real ones would."""
