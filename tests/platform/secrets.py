"""Secrets invented for the tests: 24 bytes each, in Base64, as Standard Webhooks writes them."""

SECRET = "whsec_cGVyZW5uaWFsLXRlc3RzLW5ldy1zZWNyZXQ="
OTHER_SECRET = "whsec_cGVyZW5uaWFsLXRlc3RzLW9sZC1zZWNyZXQ="
