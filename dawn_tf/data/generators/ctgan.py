import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from dawn_tf.data.generators.adversarial import gradient_penalty, wasserstein_critic_loss
from dawn_tf.data.generators.mode_normalisation import (
    Continuous,
    Discrete,
    decode,
    encode,
    fit_columns,
)

_CODE = 128  # Numbers that a row is made from.
_BATCH = 250
_PACKED = 10  # Rows that the critic judges together.
_CRITIC_STEPS = 2  # For each of the generator.
_TEMPERATURE = 0.2


class CTGAN:
    """A conditional GAN for table rows of numbers and categories.

    After [Xu et al., 2019](https://arxiv.org/abs/1907.00503): numbers by their mode and their
    place in it (`mode_normalisation`), categories and modes by Gumbel-softmax, a condition on one
    value of one discrete column that rows are drawn by ("training by sampling", values by the
    logarithm of their frequency), a critic of ten rows at once
    ([PacGAN](https://arxiv.org/abs/1712.04086)) and the Wasserstein loss with gradient penalty.
    The class is one of the discrete columns. Other than in the paper the critic has no dropout and
    two steps for each of the generator: it learns what goes with a class in fewer batches so.

    Args:
        groups: Lists of indices of columns that are one, such as the levels of a word.
        seed: Integer. The same seed and rows give the same GAN on a CPU. Sets Keras's seed.
    """

    def __init__(self, groups=(), seed=0):
        self.groups = groups
        self.seed = seed

    def fit(self, rows, labels, steps=3000):
        """Trains on `rows`, `(N, features)`, with `labels`, `(N,)`."""
        keras.utils.set_random_seed(self.seed)
        rng = np.random.default_rng(self.seed)
        # The class comes last.
        rows = np.column_stack([rows, labels])
        self.columns = fit_columns(rows, [*self.groups, [rows.shape[1] - 1]], self.seed)
        self.discrete = [c for c in self.columns if isinstance(c, Discrete)]
        self.conditions = Conditions(self.discrete, rows)
        encoded = encode(self.columns, rows, rng)
        width = self.conditions.width
        self.generator = build_generator(width, encoded.shape[1])
        self.critic = build_critic(_PACKED * (encoded.shape[1] + width))
        critic_step, generator_step = self._train_steps()
        for step in range(steps):
            for k in range(_CRITIC_STEPS):
                column, condition, chosen = self.conditions.draw(_BATCH, rng)
                condition = tf.constant(condition)
                seed = tf.constant([self.seed, step * (_CRITIC_STEPS + 1) + k])
                critic_step(tf.constant(encoded[chosen]), condition, seed)
            generator_step(condition, tf.constant(column, "int32"), seed + [0, 1])
        return self

    def sample(self, labels, seed=0):
        """A row of each label, float32 `(N, features)`."""
        rng = np.random.default_rng(seed)
        condition = self.conditions.of_label(labels)
        made = []
        for i in range(0, len(labels), _BATCH):
            z = rng.normal(size=(len(condition[i : i + _BATCH]), _CODE)).astype("float32")
            logits = self.generator([z, condition[i : i + _BATCH]])
            uniform = rng.random(logits.shape).astype("float32")
            made.append(np.asarray(activate(self.columns, logits, uniform)))
        return decode(self.columns, np.concatenate(made))[:, :-1]

    def _train_steps(self):
        made_by = keras.optimizers.AdamW(5e-4, 1e-6, 0.5, 0.9)
        judged_by = keras.optimizers.Adam(5e-4, 0.5, 0.9)
        made_by.build(self.generator.trainable_variables)
        judged_by.build(self.critic.trainable_variables)

        def packed(rows, condition):
            rows = ops.concatenate([rows, condition], axis=-1)
            return ops.reshape(rows, (_BATCH // _PACKED, -1))

        def critic(rows):
            return self.critic(rows, training=True)[:, 0]

        def make(condition, seed):
            seeds = tf.random.split(seed, 2)
            code = tf.random.stateless_normal((_BATCH, _CODE), seeds[0])
            logits = self.generator([code, condition], training=True)
            uniform = tf.random.stateless_uniform(logits.shape, seeds[1])
            return logits, packed(activate(self.columns, logits, uniform), condition)

        @tf.function
        def critic_step(real, condition, seed):
            real, (_, fake) = packed(real, condition), make(condition, seed)
            mix = tf.random.stateless_uniform((_BATCH // _PACKED, 1), seed)
            with tf.GradientTape() as tape:
                loss = wasserstein_critic_loss(critic(real), critic(fake))
                loss += 10.0 * gradient_penalty(critic, real, fake, mix)
            _apply(judged_by, tape, loss, self.critic)

        @tf.function
        def generator_step(condition, column, seed):
            with tf.GradientTape() as tape:
                logits, fake = make(condition, seed)
                loss = -ops.mean(critic(fake))
                loss += condition_loss(self.columns, logits, condition, column)
            _apply(made_by, tape, loss, self.generator)

        return critic_step, generator_step


class Conditions:
    """Which value of which discrete column a row is drawn by.

    Args:
        discrete: The `Discrete` columns; the last one is the class.
        rows: Rows to draw from.
    """

    def __init__(self, discrete, rows):
        codes = [column.codes(rows) for column in discrete]
        counts = [np.bincount(c, minlength=d.width) for c, d in zip(codes, discrete, strict=True)]
        self.widths = [column.width for column in discrete]
        self.width = sum(self.widths)
        # Rows of each value of each column, one after the other.
        self.rows = np.concatenate([np.argsort(c, kind="stable") for c in codes])
        self.counts = np.concatenate(counts)
        self.starts = np.cumsum(self.counts) - self.counts
        logs = [np.log(count + 1.0) for count in counts]
        self.shares = np.concatenate([log / log.sum() / len(logs) for log in logs])
        self.column_of = np.repeat(np.arange(len(discrete)), self.widths)
        self.labels = discrete[-1].patterns[:, 0]

    def draw(self, n, rng):
        """`(column, condition, row)` numbers, one-hot vectors, and rows that fulfil them."""
        value = rng.choice(self.width, size=n, p=self.shares)
        row = self.rows[self.starts[value] + rng.integers(self.counts[value])]
        return self.column_of[value], np.eye(self.width, dtype="float32")[value], row

    def of_label(self, labels):
        """The conditions on the class, `(n, width)`."""
        value = self.width - self.widths[-1] + np.searchsorted(self.labels, labels)
        return np.eye(self.width, dtype="float32")[value]


def build_generator(condition_width, width):
    """`(codes, conditions)` to logits of `width` numbers."""
    code, condition = keras.Input((_CODE,)), keras.Input((condition_width,))
    x = layers.Concatenate()([code, condition])
    for _ in range(2):
        y = layers.BatchNormalization(momentum=0.9)(layers.Dense(256)(x))
        x = layers.Concatenate()([layers.ReLU()(y), x])
    return keras.Model([code, condition], layers.Dense(width)(x))


def build_critic(width):
    """Packed rows to scores `(batch, 1)`."""
    x = rows = keras.Input((width,))
    for _ in range(2):
        x = layers.LeakyReLU(0.2)(layers.Dense(256)(x))
    return keras.Model(rows, layers.Dense(1)(x))


def activate(columns, logits, uniform):
    """Rows as `encode` gives them: places by tanh, modes and values by Gumbel-softmax.

    Args:
        columns: As of `fit_columns`.
        logits, uniform: `(batch, sum of widths)`, the latter in `[0, 1)`.
    """
    noise = -ops.log(-ops.log(ops.clip(uniform, 1e-6, 1.0 - 1e-6)))
    parts = []
    for kind, start, end in spans(columns):
        if kind == "place":
            parts.append(ops.tanh(logits[:, start:end]))
        else:
            noisy = logits[:, start:end] + noise[:, start:end]
            parts.append(ops.softmax(noisy / _TEMPERATURE, axis=-1))
    return ops.concatenate(parts, axis=-1)


def condition_loss(columns, logits, condition, column):
    """Mean cross-entropy between the condition and what is made of that column.

    Args:
        columns, logits: As of `activate`.
        condition: One-hot over the values of all discrete columns, `(batch, values)`.
        column: Number of the discrete column that the condition is on, int32 `(batch,)`.
    """
    values = [(start, end) for kind, start, end in spans(columns) if kind == "value"]
    loss, at = 0.0, 0
    for i, (start, end) in enumerate(values):
        log_p = ops.log_softmax(logits[:, start:end], axis=-1)
        entropy = -ops.sum(condition[:, at : at + end - start] * log_p, axis=-1)
        loss += entropy * ops.cast(ops.equal(column, i), "float32")
        at += end - start
    return ops.mean(loss)


def spans(columns):
    """`(kind, start, end)` of the encoded numbers: "place", "mode" or "value"."""
    found, start = [], 0
    for column in columns:
        end = start + column.width
        if isinstance(column, Continuous):
            found += [("place", start, start + 1), ("mode", start + 1, end)]
        else:
            found.append(("value", start, end))
        start = end
    return found


def _apply(optimizer, tape, loss, model):
    variables = model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
