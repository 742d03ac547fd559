"""Adapters: what speaks to databases and outside parties. They know the domain and their own protocol, nothing else."""
