"""What others send to us over HTTP: the webhooks of outside parties, and bank statements."""
