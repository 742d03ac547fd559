"""A flood of messages against workflows that continue as new under it."""
