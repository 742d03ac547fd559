"""E-mail to customers: rendered from templates, sent by SMTP, bounces read back."""
