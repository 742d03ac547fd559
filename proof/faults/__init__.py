"""A fleet on real servers and real worker processes, and a seeded schedule of what breaks."""
