"""The durable shell: waits for a message or a deadline, lets the domain decide, has it done, remembers."""
