"""What support and operators type: one file for each subject, put together by cli.py."""
