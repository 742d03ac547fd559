"""The platform's own systems, reached by signed webhooks."""
