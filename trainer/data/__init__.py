"""Training data: sources, rendering, shards."""
