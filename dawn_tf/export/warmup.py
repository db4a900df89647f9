"""Requests that TF Serving sends itself when it loads a version, before the first real one."""

import tensorflow as tf


def write_warmup(path, name, requests):
    """Writes `assets.extra/tf_serving_warmup_requests`: a TFRecord of `PredictionLog`.

    Args:
        path: File to write.
        name: Of the model.
        requests: Arrays by input name, by signature name.

    Returns: whether it was written: it takes the extra `serving` (tensorflow-serving-api).
    """
    try:
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    except ImportError:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as file:
        for signature, inputs in requests.items():
            request = predict_pb2.PredictRequest()
            request.model_spec.name = name
            request.model_spec.signature_name = signature
            for key, values in inputs.items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(values))
            log = prediction_log_pb2.PredictionLog(
                predict_log=prediction_log_pb2.PredictLog(request=request)
            )
            file.write(log.SerializeToString())
    return True
