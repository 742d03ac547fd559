"""The rules of a subscription's life, as pure functions: no clock, no dice, no I/O, no Temporal."""
