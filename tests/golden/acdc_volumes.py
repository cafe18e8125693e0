"""Makes acdc_volumes.csv: voxels of each structure and the spacing, by nibabel and NumPy, of the ACDC patients at hand.

    python tests/golden/acdc_volumes.py SHARED        (nibabel, numpy; SHARED holds acdc/training)
"""
import csv
import glob
import os
import sys
import nibabel as nib
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, "acdc_volumes.csv"), "w", newline="") as out:
    rows = csv.writer(out)
    rows.writerow("patient,group,phase,frame,rv_voxels,myo_voxels,lv_voxels,spacing_x_mm,spacing_y_mm,spacing_z_mm".split(","))
    for folder in sorted(glob.glob(os.path.join(sys.argv[1], "acdc/training/patient*"))):
        patient = os.path.basename(folder)
        info = dict(line.split(": ") for line in open(os.path.join(folder, "Info.cfg")).read().split("\n") if line)
        for phase in ("ED", "ES"):
            frame = int(info[phase])
            image = nib.load(os.path.join(folder, f"{patient}_frame{frame:02}_gt.nii.gz"))
            labels = np.asarray(image.dataobj)
            voxels = [int(np.count_nonzero(labels == label)) for label in (1, 2, 3)]
            spacing = [repr(float(mm)) for mm in image.header.get_zooms()[:3]]
            rows.writerow([patient, info["Group"], phase, frame, *voxels, *spacing])
