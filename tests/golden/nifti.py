"""Makes nifti/*.nii.gz and nifti.json: small files of every voxel type and order of bytes, as nibabel writes and reads them.

    python tests/golden/nifti.py        (nibabel, numpy)
"""
import json
import os
import nibabel as nib
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SHAPE = (3, 4, 2)
ZOOMS = (1.40625, 1.5, 10.0)
TYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"]
expected = {}


def write(name, data, order="<", slope=None, zooms=ZOOMS, affine=None, sform=0, qform=0, extension=False):
    header = nib.Nifti1Header(endianness=order)
    header.set_data_dtype(data.dtype)
    header.set_data_shape(data.shape)
    image = nib.Nifti1Image(data, None, header)
    h = image.header
    h.set_zooms(zooms + (1.0,) * (data.ndim - 3))
    if affine is not None:
        h.set_sform(affine, code=sform)
        h["qform_code"] = qform
    if extension:
        h.extensions.append(nib.nifti1.Nifti1Extension("comment", b"drawn for a test"))
    if slope is not None:
        h.set_slope_inter(*slope)
    path = os.path.join(HERE, "nifti", name + ".nii.gz")
    image.to_filename(path)
    read = nib.load(path)
    assert read.header.endianness == order
    expected[name] = {
        "shape": list(read.shape),
        "zooms": [float(z) for z in read.header.get_zooms()[:3]],
        "affine_zooms": [float(z) for z in np.sqrt((read.header.get_sform()[:3, :3] ** 2).sum(0))] if sform else None,
        # x fastest
        "values": [float(v) for v in np.asarray(read.dataobj, dtype=np.float64).ravel(order="F")],
    }


def ramp(kind, shape=SHAPE):
    n = int(np.prod(shape))
    values = np.arange(n) % 100
    if np.dtype(kind).kind != "u":
        values = values - n // 2
    if np.dtype(kind).kind == "f":
        values = values + 0.25
    return values.reshape(shape, order="F").astype(kind)


for kind in TYPES:
    for order, word in (("<", "little"), (">", "big")):
        write(f"{kind}-{word}", ramp(kind), order)
write("scaled", ramp("int16"), slope=(0.5, -3.0))
write("extended", ramp("int16"), extension=True)
turned = np.array([[0, -1.25, 0, 5], [1.25, 0, 0, -7], [0, 0, 8.0, 1], [0, 0, 0, 1]])
write("sform-turned", ramp("int16"), affine=turned, sform=1)
write("sform-identity", ramp("int16"), affine=np.eye(4), sform=2)
write("cine", ramp("int16", (3, 4, 2, 5)))
write("labels", (np.arange(24) % 4).reshape(SHAPE, order="F").astype(np.uint8))
write("labels-big-float", (np.arange(24) % 4).reshape(SHAPE, order="F").astype(np.float32), ">")
with open(os.path.join(HERE, "nifti.json"), "w") as out:
    json.dump(expected, out)
