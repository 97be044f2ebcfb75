"""Loads a training set as data people do, trains on it, and prints what it found as JSON."""

import decimal
import json
import math
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.feather as feather
import pyarrow.parquet as pq
from lightgbm import LGBMClassifier
from sklearn.ensemble import HistGradientBoostingClassifier

folder = sys.argv[1]

# One line each.
pandas_set = pd.read_parquet(f"{folder}/set.parquet")
polars_set = pl.read_parquet(f"{folder}/set.parquet")
arrow_set = feather.read_table(f"{folder}/set.arrow")
csv_set = pd.read_csv(f"{folder}/set.csv")

features = [name for name in pandas_set.columns if name.startswith("by_user__")]
numbers = [name for name in features if pd.api.types.is_numeric_dtype(pandas_set[name])]
train = pandas_set[pandas_set["split"] == "train"]
test = pandas_set[pandas_set["split"] == "test"]

accuracy = {}
for name, model in {
    "sklearn": HistGradientBoostingClassifier(random_state=0),
    "lightgbm": LGBMClassifier(random_state=0, verbosity=-1),
}.items():
    model.fit(train[numbers].astype("float64"), train["label"])
    accuracy[name] = float(model.score(test[numbers].astype("float64"), test["label"]))


def plain(value):
    if isinstance(value, np.ndarray):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    return str(value) if isinstance(value, (pd.Timestamp, decimal.Decimal)) else value


print(
    json.dumps(
        {
            "rows": [len(pandas_set), polars_set.height, arrow_set.num_rows, len(csv_set)],
            "columns": [list(pandas_set.columns), polars_set.columns, arrow_set.column_names, list(csv_set.columns)],
            "types": {field.name: str(field.type) for field in pq.read_schema(f"{folder}/set.parquet")},
            "arrow_types": {field.name: str(field.type) for field in arrow_set.schema},
            "polars_equals_arrow": polars_set.select(numbers).equals(pl.from_arrow(arrow_set).select(numbers)),
            "first": {name: plain(pandas_set[name].iloc[0]) for name in features},
            "accuracy": accuracy,
        }
    )
)
