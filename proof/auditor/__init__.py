"""An auditor with books and a calendar of its own. It shares no code with what it audits."""
