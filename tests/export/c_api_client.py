"""Runs a SavedModel through TensorFlow's C API, without Python's tensorflow or keras.

    python c_api_client.py REQUEST.npz ANSWER.npz

The request holds arrays `input/<tensor name>` (bytes for strings), and as text `version` (the
folder) and `outputs` (tensor names with commas). `TF_LoadSessionFromSavedModel` is the loader below
TF Serving, too.
"""

import ctypes
import importlib.util
import pathlib
import sys

import numpy as np

DTYPES = {
    1: np.dtype("float32"),
    2: np.dtype("float64"),
    3: np.dtype("int32"),
    9: np.dtype("int64"),
}
STRING, STRING_SIZE = 7, 24


class Output(ctypes.Structure):
    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


def open_library():
    folder = pathlib.Path(importlib.util.find_spec("tensorflow").origin).parent
    ctypes.CDLL(str(folder / "libtensorflow_framework.so.2"))
    library = ctypes.CDLL(str(folder / "libtensorflow_cc.so.2"))
    for name in (
        "TF_NewStatus TF_NewGraph TF_NewSessionOptions TF_LoadSessionFromSavedModel "
        "TF_GraphOperationByName TF_AllocateTensor TF_TensorData TF_StringGetDataPointer"
    ).split():
        getattr(library, name).restype = ctypes.c_void_p
    for name in ("TF_Dim", "TF_StringGetSize"):
        getattr(library, name).restype = ctypes.c_int64
    library.TF_Message.restype = ctypes.c_char_p
    return library


class Model:
    def __init__(self, version):
        self.tf = open_library()
        self.status = ctypes.c_void_p(self.tf.TF_NewStatus())
        self.graph = ctypes.c_void_p(self.tf.TF_NewGraph())
        tags = (ctypes.c_char_p * 1)(b"serve")
        self.session = ctypes.c_void_p(
            self.tf.TF_LoadSessionFromSavedModel(
                ctypes.c_void_p(self.tf.TF_NewSessionOptions()),
                None,
                str(version).encode(),
                tags,
                1,
                self.graph,
                None,
                self.status,
            )
        )
        self._check()

    def run(self, inputs, outputs):
        """Arrays of the tensors named `outputs`."""
        places = (Output * len(inputs))(*(self._place(name) for name in inputs))
        values = (ctypes.c_void_p * len(inputs))(*(self._tensor(x) for x in inputs.values()))
        wanted = (Output * len(outputs))(*(self._place(name) for name in outputs))
        answers = (ctypes.c_void_p * len(outputs))()
        self.tf.TF_SessionRun(
            self.session, None, places, values, len(inputs), wanted, answers, len(outputs),
            None, 0, None, self.status,
        )  # fmt: skip
        for value, x in zip(values, inputs.values(), strict=True):
            self._free_input(ctypes.c_void_p(value), x)
        self._check()
        arrays = [self._array(ctypes.c_void_p(answer)) for answer in answers]
        for answer in answers:
            self.tf.TF_DeleteTensor(ctypes.c_void_p(answer))
        return arrays

    def _free_input(self, tensor, x):
        data = self.tf.TF_TensorData(tensor)
        for i in range(x.size if x.dtype.kind in "SO" else 0):
            self.tf.TF_StringDealloc(ctypes.c_void_p(data + STRING_SIZE * i))
        self.tf.TF_DeleteTensor(tensor)

    def _check(self):
        if self.tf.TF_GetCode(self.status):
            raise RuntimeError(self.tf.TF_Message(self.status).decode())

    def _place(self, name):
        operation, _, index = name.partition(":")
        found = self.tf.TF_GraphOperationByName(self.graph, operation.encode())
        if found is None:
            raise RuntimeError(f"no operation {operation}")
        return Output(found, int(index))

    def _tensor(self, x):
        is_string = x.dtype.kind in "SO"
        dtype = STRING if is_string else {v: k for k, v in DTYPES.items()}[x.dtype]
        size = x.size * (STRING_SIZE if is_string else x.itemsize)
        dims = (ctypes.c_int64 * x.ndim)(*x.shape)
        tensor = self.tf.TF_AllocateTensor(dtype, dims, x.ndim, ctypes.c_size_t(size))
        data = self.tf.TF_TensorData(ctypes.c_void_p(tensor))
        if not is_string:
            ctypes.memmove(data, np.ascontiguousarray(x).ctypes.data, size)
        for i, item in enumerate(x.ravel().tolist() if is_string else []):
            place = ctypes.c_void_p(data + STRING_SIZE * i)
            self.tf.TF_StringInit(place)
            self.tf.TF_StringCopy(place, item, ctypes.c_size_t(len(item)))
        return tensor

    def _array(self, tensor):
        shape = [self.tf.TF_Dim(tensor, i) for i in range(self.tf.TF_NumDims(tensor))]
        data = self.tf.TF_TensorData(tensor)
        dtype = self.tf.TF_TensorType(tensor)
        count = int(np.prod(shape))
        if dtype != STRING:
            array = np.zeros(shape, DTYPES[dtype])
            ctypes.memmove(array.ctypes.data, data, array.nbytes)
            return array
        items = []
        for i in range(count):
            place = ctypes.c_void_p(data + STRING_SIZE * i)
            start = self.tf.TF_StringGetDataPointer(place)
            items.append(ctypes.string_at(start, self.tf.TF_StringGetSize(place)))
        return np.array(items).reshape(shape)


def main(request, answer):
    with np.load(request) as file:
        inputs = {k.removeprefix("input/"): file[k] for k in file.files if k.startswith("input/")}
        version, outputs = str(file["version"]), str(file["outputs"]).split(",")
    arrays = Model(version).run(inputs, outputs)
    assert not {"tensorflow", "keras"} & sys.modules.keys()
    np.savez(answer, **dict(zip(outputs, arrays, strict=True)))


if __name__ == "__main__":
    main(*sys.argv[1:])
