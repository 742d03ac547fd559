"""Activities: what one decision does to the world. Each states what it needs as a Protocol and is given it."""
