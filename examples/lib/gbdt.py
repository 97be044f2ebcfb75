"""Trains with LightGBM, or scores with what was trained. Matrices come and go as float64, so that no digit is lost.

gbdt.py train FOLDER   learns from FOLDER/learn.f64, whose last column is the label: model.txt, and model.json for others
gbdt.py score FOLDER   raw scores of FOLDER/score.f64 by model.txt: raw.f64
"""

import json
import sys

import lightgbm
import numpy

command, folder = sys.argv[1:]
with open(f"{folder}/matrix.json") as file:
    matrix = json.load(file)
names = matrix["inputs"]

if command == "train":
    table = numpy.fromfile(f"{folder}/learn.f64", dtype="<f8").reshape(-1, len(names) + 1)
    data = lightgbm.Dataset(table[:, :-1], table[:, -1], feature_name=names, categorical_feature=matrix["categories"])
    # One thread and one seed: the same rows give the same trees.
    fixed = {"objective": "binary", "num_threads": 1, "seed": 1, "deterministic": True, "verbosity": -1}
    model = lightgbm.train({**fixed, **matrix["settings"]}, data, num_boost_round=matrix["trees"])
    model.save_model(f"{folder}/model.txt")
    with open(f"{folder}/model.json", "w") as file:
        json.dump(model.dump_model(), file)
else:
    table = numpy.fromfile(f"{folder}/score.f64", dtype="<f8").reshape(-1, len(names))
    model = lightgbm.Booster(model_file=f"{folder}/model.txt")
    model.predict(table, raw_score=True, num_threads=1).astype("<f8").tofile(f"{folder}/raw.f64")
