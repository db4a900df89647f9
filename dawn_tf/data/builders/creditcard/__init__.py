"""TFDS builder of the credit card frauds."""
