"""Stand-ins for outside parties: servers on this machine that speak their protocols truly and keep their own books."""
