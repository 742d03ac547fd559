"""The servers that a bare machine runs: PostgreSQL and Temporal, each out of a wheel, each ending with its owner."""
