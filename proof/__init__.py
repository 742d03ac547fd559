"""The promises, checkable by anyone: commands that try to break them, and say what was lost or doubled."""
