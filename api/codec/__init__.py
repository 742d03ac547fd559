"""What decrypts payloads for people who look at the Temporal UI; never beside the doors that outside parties reach."""
