"""TFDS builder of CamVid."""
