from dawn_tf.losses.logit_adjustment import LogitAdjusted


def with_auxiliary(loss, prior=None, weight=0.5, ignore_class=None, label_smoothing=0.0):
    """Losses and weights for `compile`, for a `DAWN` with `aux_outputs=True`.

    The fused output takes `loss`; the global decoder plain cross-entropy, which keeps the majority
    stable; the detail decoder balanced softmax, which serves the minority.

    ```python
    losses, loss_weights = with_auxiliary(DAWNLoss(), prior=prior_from_counts(counts))
    model.compile("adamw", loss=losses, loss_weights=loss_weights)
    ```

    Args:
        loss: Loss of the fused output.
        prior: `prior` of the detail decoder's `LogitAdjusted`; `None` for plain cross-entropy.
        weight: Weight of either auxiliary loss; that of `loss` is 1.
        ignore_class: Label of void pixels for the auxiliary losses, or `None`.
        label_smoothing: Share of each label given to all classes alike, in the auxiliary losses.

    Returns: `(losses, loss_weights)`, dicts with the keys "output", "global" and "detail". The
        targets are a dict with these keys too, each with the same labels.

    Raises:
        ValueError: If a prior is 0.
    """
    options = {"ignore_class": ignore_class, "label_smoothing": label_smoothing}
    losses = {
        "output": loss,
        "global": LogitAdjusted(**options),
        "detail": LogitAdjusted(prior=prior, **options),
    }
    return losses, {"output": 1.0, "global": weight, "detail": weight}
