"""A training set on Apache Spark: `spark-submit --files child.mjs,... tidemark_train.py job.json NODE`.

Rows of the log and labels become one stream, sorted by entity and time, and each partition of it goes through the engine: the
very code that serves and that makes sets on one machine, as a process of Node beside each task. Job and SQL are written by
`tidemark train --engine spark`; this file only moves data. What is told on stdout is one JSON object a line.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time

PATIENCE_S = 60
ERROR_BYTES = 4_000


class Engine:
    """One process of the engine over one partition. Never a row fewer: whatever does not add up is an error."""

    def __init__(self, node, child, job):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [node, child, job], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors
        )
        self.records = 0
        self.labels = 0
        self.failure = None

    def feed(self, batches):
        """In a thread of its own: whoever only writes waits for ever for whoever only writes."""
        import pyarrow as pa
        import pyarrow.compute as pc

        writer, schema = None, None
        try:
            for batch in batches:
                if batch.num_rows == 0:
                    continue
                if writer is None:
                    schema = batch.schema
                    writer = pa.ipc.new_stream(self.process.stdin, schema)
                writer.write_batch(batch)
                self.records += batch.num_rows
                self.labels += pc.sum(pc.equal(batch.column("kind"), 1)).as_py()
            # A stream that is cut between two batches reads as a clean end: this record says where it really is.
            if writer is not None:
                end = {"kind": 2, "seq": float(self.records)}
                columns = [pa.array([end.get(field.name)], field.type) for field in schema]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
                writer.close()
        except BaseException as failure:  # The other thread tells it: it knows how the process ended.
            self.failure = failure
        finally:
            try:
                self.process.stdin.close()
            except OSError as failure:
                self.failure = self.failure or failure

    def results(self):
        """Batches as they come; the last row of them is the engine's note."""
        import pyarrow as pa

        try:
            yield from pa.ipc.open_stream(self.process.stdout)
        except (pa.ArrowInvalid, OSError) as failure:
            self.fail(f"its output is not whole ({failure})")

    def finish(self, feeder, rows, note):
        code = self.process.wait()
        feeder.join(PATIENCE_S)
        if self.failure is not None and not isinstance(self.failure, BrokenPipeError):
            raise self.failure
        if code != 0 or self.failure is not None:
            self.fail(f"it ended with code {code}")
        if feeder.is_alive() or note is None:
            self.fail("it ended before its input did")
        told = note["tally"]["rows"]
        if rows != told or rows + note["problems"] != self.labels:
            self.fail(f"of {self.labels} labels {rows} came back, and it counted {told}")

    def fail(self, what):
        self.process.kill()
        self.process.wait()
        self.errors.seek(max(0, self.errors.seek(0, os.SEEK_END) - ERROR_BYTES))
        said = self.errors.read().decode(errors="replace").strip()
        raise RuntimeError(f"the engine did not compute its partition: {what}. {said}")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def through_engine(node, child, job):
    """For mapInArrow: a partition's batches in, the engine's out."""

    def run(batches):
        from pyspark import SparkFiles

        first = next((batch for batch in batches if batch.num_rows > 0), None)
        # An empty partition has no schema either.
        if first is None:
            return

        def all_of_them():
            yield first
            yield from batches

        engine = Engine(node, SparkFiles.get(child), SparkFiles.get(job))
        feeder = threading.Thread(target=engine.feed, args=(all_of_them(),), daemon=True)
        feeder.start()
        rows, note = 0, None
        try:
            for batch in engine.results():
                said = batch.column("tm_note")
                if said.null_count < batch.num_rows:
                    note = json.loads(said[batch.num_rows - 1].as_py())
                    rows -= 1
                rows += batch.num_rows
                yield batch
            engine.finish(feeder, rows, note)
        finally:
            engine.close()

    return run


class Progress(threading.Thread):
    """Says now and then how many tasks of what Spark is at are done."""

    def __init__(self, context):
        super().__init__(daemon=True)
        self.context = context
        self.step = "rows"

    def run(self):
        tracker = self.context.statusTracker()
        before = None
        while True:
            time.sleep(0.5)
            stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
            stages = [stage for stage in stages if stage is not None]
            done = sum(stage.numCompletedTasks for stage in stages)
            now = (self.step, done, sum(stage.numTasks for stage in stages))
            if now != before and now[2] > 0:
                before = now
                say({"step": now[0], "done": now[1], "total": now[2]})


def say(what):
    print(json.dumps(what), flush=True)


def make_set(spark, job, node):
    from pyspark.sql import functions as f

    progress = Progress(spark.sparkContext)
    progress.start()
    pieces = pieces_of(spark, job)
    notes = []
    for number, run in enumerate(job["runs"]):
        views_of(spark, number, run, job["fileMark"])
        merged = (
            spark.sql(run["sql"])
            .repartition(pieces, "key", "region")
            .sortWithinPartitions("key", "region", "ord", "kind")
        )
        results = f"{job['work']}/results-{number}"
        progress.step = "values"
        # Written before it is joined: what failed is done again by Spark, and a note is counted once.
        engine = through_engine(node, "tidemark-child.mjs", run["child"])
        merged.mapInArrow(engine, run["results"]).write.option("compression", "lz4").parquet(results)
        made = spark.read.schema(run["results"]).parquet(results)
        notes.append([row.tm_note for row in made.where("tm_row < 0").select("tm_note").collect()])
        made.where("tm_row >= 0").drop("tm_note").createOrReplaceTempView(f"tm_results_{number}")
    report = {"notes": [[json.loads(note) for note in of_run] for of_run in notes], "written": 0}
    if not any(note["problems"] for of_run in report["notes"] for note in of_run):
        progress.step = "writing"
        spark.read.parquet(job["labels"]).createOrReplaceTempView("tm_labels")
        made = spark.sql(job["setSql"]).repartitionByRange(pieces, "tm_row").sortWithinPartitions("tm_row")
        made.drop("tm_row").write.option("compression", "zstd").parquet(job["out"])
        report["written"] = spark.read.parquet(job["out"]).select(f.count("*")).first()[0]
    return report


def pieces_of(spark, job):
    """Each piece starts a process of the engine, so not too many; and its sort should fit memory, so not too few."""
    told = spark.conf.get("spark.tidemark.pieces", None)
    if told is not None:
        return int(told)
    least = spark.sparkContext.defaultParallelism * 2
    return max(least, -(-(job["rows"] + job["logged"]) // 1_000_000))


def views_of(spark, number, run, mark):
    for group in run["groups"]:
        rows = spark.read.schema(group["schema"]).option("recursiveFileLookup", "true").parquet(*group["paths"])
        named = rows.selectExpr("*", f"substring_index(_metadata.file_path, '{mark}', -1) AS tm_file")
        named.createOrReplaceTempView(group["view"])
    columns = "name STRING, part INT, region INT, seq DOUBLE, rpart_region INT, rpart_epoch INT, rpart_shard INT"
    files = [(name, part, region, float(seq), *rest) for name, part, region, seq, *rest in run["files"]]
    spark.createDataFrame(files, columns).createOrReplaceTempView(f"tm_files_{number}")
    spark.read.parquet(run["asked"]).createOrReplaceTempView(f"tm_asked_{number}")
    spark.sql(
        f"SELECT key, region, max(ord) AS last FROM tm_asked_{number} GROUP BY key, region"
    ).createOrReplaceTempView(f"tm_entities_{number}")


def main():
    from pyspark.sql import SparkSession

    with open(sys.argv[1], encoding="utf8") as file:
        job = json.load(file)
    spark = SparkSession.builder.appName("tidemark train").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    settings = {
        "spark.sql.session.timeZone": "UTC",
        # Fields that differ by their case alone are two fields.
        "spark.sql.caseSensitive": "true",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    }
    for name, value in settings.items():
        spark.conf.set(name, value)
    try:
        report = make_set(spark, job, sys.argv[2])
    finally:
        spark.stop()
    with open(f"{job['work']}/report.json", "w", encoding="utf8") as file:
        json.dump(report, file)


if __name__ == "__main__":
    main()
