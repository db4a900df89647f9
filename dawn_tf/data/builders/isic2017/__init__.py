"""TFDS builder of ISIC 2017."""
