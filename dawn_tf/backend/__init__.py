"""What Keras has no common name for: the one room of compute that asks which backend runs."""
