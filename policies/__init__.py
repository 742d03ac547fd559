"""The published policies as data: YAML files, the model that reads them, and what an invalid one is told."""
