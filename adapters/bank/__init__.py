"""Bank statements: files read into incoming transfers."""
