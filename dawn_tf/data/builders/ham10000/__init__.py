"""TFDS builder of HAM10000."""
