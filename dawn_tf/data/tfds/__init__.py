"""What the source "tfds" needs of TFDS: which data set, which of its features, its examples."""
