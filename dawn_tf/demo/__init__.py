"""A page that shows what an exported model answers."""

from dawn_tf.demo.served import Served

__all__ = ["Served"]
