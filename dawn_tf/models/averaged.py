import keras
from keras import layers


@keras.saving.register_keras_serializable("dawn_tf")
class AveragedNetworks(keras.Model):
    """Several trained networks as one: the mean of their class probabilities.

    `p = mean_i softmax(z_i)`; averaging probabilities keeps each network's confidence.

    Args:
        networks: Models with logits out, one input shape, built alike.

    Output shape: probabilities, shaped like one network's output.
    """

    gives_probabilities = True

    def __init__(self, networks, **kwargs):
        inputs = keras.Input(networks[0].input_shape[1:], name="inputs")
        probabilities = []
        for i, network in enumerate(networks):
            z = network(inputs)
            z = z["output"] if isinstance(z, dict) else z
            probabilities.append(layers.Softmax(dtype="float32", name=f"softmax_{i}")(z))
        mean = layers.Average(dtype="float32", name="mean")
        outputs = mean(probabilities) if len(probabilities) > 1 else probabilities[0]
        super().__init__(inputs, outputs, **kwargs)
        self.networks = list(networks)

    def get_config(self):
        networks = [keras.saving.serialize_keras_object(network) for network in self.networks]
        return {"networks": networks, "name": self.name}

    @classmethod
    def from_config(cls, config):
        networks = [keras.saving.deserialize_keras_object(n) for n in config["networks"]]
        return cls(**{**config, "networks": networks})
