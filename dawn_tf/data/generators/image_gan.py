import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from dawn_tf.data.generators.adversarial import hinge_critic_loss
from dawn_tf.data.generators.differentiable_augment import augment

MAX_SIDE = 32
_CODE = 64  # Numbers that an image is made from.
_BATCH = 64
_SAMPLES = 256  # Images made at once.


class ImageGAN:
    """A small conditional GAN for images of up to 32x32.

    Generator: a dense layer to about 4x4, then upsampling, 3x3 convolutions and batch
    normalisation with a scale and a shift of each class
    ([Dumoulin et al., 2017](https://arxiv.org/abs/1610.07629)). Critic: strided convolutions
    with spectral normalisation ([Miyato et al., 2018](https://arxiv.org/abs/1802.05957)) and a
    projection on the class ([Miyato and Koyama, 2018](https://arxiv.org/abs/1802.05637)). Hinge
    loss, differentiable augmentation, Adam with averaged weights of the generator. Every class is
    drawn equally often, so a class of few images is shown each of them many times.

    Args:
        num_classes: Number of classes.
        image_shape: `(height, width, channels)`, sides of at most 32.
        width: Channels at full size; doubled at each halving.
        seed: Integer. The same seed and images give the same GAN on a CPU. Sets Keras's seed.
    """

    def __init__(self, num_classes, image_shape, width=32, seed=0):
        keras.utils.set_random_seed(seed)
        self.num_classes = num_classes
        self.seed = seed
        self.generator = build_generator(num_classes, image_shape, width)
        self.critic = build_critic(num_classes, image_shape, width)

    def fit(self, images, labels, steps=3000):
        """Trains on `images`, `(N, height, width, channels)` in 0..255, with `labels`, `(N,)`."""
        rng = np.random.default_rng(self.seed)
        of_class = [np.flatnonzero(labels == c) for c in range(self.num_classes)]
        train_step = self._train_step()
        for step in range(steps):
            y = rng.integers(self.num_classes, size=_BATCH)
            x = images[[rng.choice(of_class[c]) for c in y]].astype("float32") / 127.5 - 1.0
            train_step(tf.constant(x), tf.constant(y, "int32"), tf.constant([self.seed, step]))
        self.made_by.finalize_variable_values(self.generator.trainable_variables)
        return self

    def sample(self, labels, seed=0):
        """An image of each label, uint8 `(N, height, width, channels)`."""
        z = np.random.default_rng(seed).normal(size=(len(labels), _CODE)).astype("float32")
        made = [
            np.asarray(self.generator([z[i : i + _SAMPLES], labels[i : i + _SAMPLES]]))
            for i in range(0, len(labels), _SAMPLES)
        ]
        return np.rint((np.concatenate(made) + 1.0) * 127.5).clip(0, 255).astype("uint8")

    def _train_step(self):
        made_by = keras.optimizers.Adam(5e-4, 0.5, 0.99, use_ema=True, ema_momentum=0.99)
        judged_by = keras.optimizers.Adam(5e-4, 0.5, 0.99)
        made_by.build(self.generator.trainable_variables)
        judged_by.build(self.critic.trainable_variables)
        self.made_by = made_by

        def scores(images, y, noise, training):
            return self.critic([augment(images, noise), y], training=training)

        @tf.function
        def train_step(x, y, seed):
            codes = tf.random.stateless_normal((2, _BATCH, _CODE), seed)
            noise = tf.random.stateless_uniform((3, _BATCH, 5), seed + [0, 2**30])
            fake = self.generator([codes[0], y], training=True)
            with tf.GradientTape() as tape:
                # Together, so that the spectral norms are found once a step.
                both = scores(
                    ops.concatenate([x, fake]),
                    ops.concatenate([y, y]),
                    ops.reshape(noise[:2], (-1, 5)),
                    training=True,
                )
                loss = hinge_critic_loss(both[:_BATCH], both[_BATCH:])
            judged_by.apply_gradients(_gradients(tape, loss, self.critic))
            with tf.GradientTape() as tape:
                fake = self.generator([codes[1], y], training=True)
                loss = -ops.mean(scores(fake, y, noise[2], training=False))
            made_by.apply_gradients(_gradients(tape, loss, self.generator))

        return train_step


def build_generator(num_classes, image_shape, width):
    """`(codes, labels)` to images in `[-1, 1]`."""
    *sides, channels = image_shape
    levels = _levels(sides)
    code, label = keras.Input((_CODE,)), keras.Input((), dtype="int32")
    rows, columns = (-(-side // 2**levels) for side in sides)
    depth = width * 2**levels
    x = layers.Reshape((rows, columns, depth))(layers.Dense(rows * columns * depth)(code))
    for level in reversed(range(levels + 1)):
        x = layers.ReLU()(_class_normalisation(x, label, num_classes))
        if level:
            x = layers.UpSampling2D()(x)
        x = layers.Conv2D(width * 2 ** max(level - 1, 0), 3, padding="same", use_bias=False)(x)
    x = layers.ReLU()(_class_normalisation(x, label, num_classes))
    x = layers.Conv2D(channels, 3, padding="same", activation="tanh")(x)
    return keras.Model([code, label], x[:, : sides[0], : sides[1]])


def build_critic(num_classes, image_shape, width):
    """`(images in [-1, 1], labels)` to scores `(batch,)`."""
    image, label = keras.Input(tuple(image_shape)), keras.Input((), dtype="int32")
    normalised = layers.SpectralNormalization
    x = layers.LeakyReLU(0.2)(normalised(layers.Conv2D(width, 3, padding="same"))(image))
    for level in range(_levels(image_shape[:2])):
        convolution = layers.Conv2D(width * 2 ** (level + 1), 4, strides=2, padding="same")
        x = layers.LeakyReLU(0.2)(normalised(convolution)(x))
    features = ops.sum(x, axis=(1, 2))
    score = normalised(layers.Dense(1))(features)[:, 0]
    of_class = layers.Embedding(num_classes, features.shape[-1])(label)
    return keras.Model([image, label], score + ops.sum(of_class * features, axis=-1))


def _levels(sides):
    """How often sides are halved until they are about 4."""
    return max(1, round(np.log2(max(sides) / 4)))


def _class_normalisation(x, label, num_classes):
    x = layers.BatchNormalization(center=False, scale=False, momentum=0.9)(x)
    shape = (1, 1, x.shape[-1])
    scale = layers.Embedding(num_classes, x.shape[-1], embeddings_initializer="ones")(label)
    shift = layers.Embedding(num_classes, x.shape[-1], embeddings_initializer="zeros")(label)
    return x * layers.Reshape(shape)(scale) + layers.Reshape(shape)(shift)


def _gradients(tape, loss, model):
    variables = model.trainable_variables
    return zip(tape.gradient(loss, variables), variables, strict=True)
