"""Payment gateways: each takes money over its own API, and fits the Protocol that the charge activity states."""
