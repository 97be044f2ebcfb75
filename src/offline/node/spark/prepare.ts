import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DefinitionsSpec } from '../../../engine/index.ts'
import { Lineage } from '../../training/index.ts'
import type { EntityWork, SetWork } from '../training/set-engine.ts'
import { stagedSources } from '../training/stage-rows.ts'
import { askedFile, labelsFile, writeAsked, writeLabels } from './asked-files.ts'
import { type ChildJob, resultColumns, writeChildJob } from './job.ts'
import { FILE_MARK, type FileGroup, labelsSql, sourceSql } from './rows-sql.ts'
import { sparkSetSql } from './set-sql.ts'
import { slotsOf } from './slots.ts'
import { sparkTypeOf, wireOf } from './wire.ts'

/** What the job in Spark is told, as a JSON file: what to read, the SQL of it, and where the engine stands. */
export interface SparkJob {
  readonly runs: readonly SparkRun[]
  /** The labels as they were, with their places. */
  readonly labels: string
  /** How many labels, and how many rows of the log: for how many pieces the work is cut into. */
  readonly rows: number
  readonly logged: number
  readonly setSql: string
  /** The folder to write the set into; its files are in the order of the labels. */
  readonly out: string
  /** A folder for what lies between. */
  readonly work: string
  readonly fileMark: string
}

export interface SparkRun {
  readonly asked: string
  readonly groups: readonly FileGroup[]
  /** The files of the log, for `tm_files_RUN`. */
  readonly files: readonly (readonly [string, ...number[]])[]
  /** Rows and labels as one. */
  readonly sql: string
  /** The schema of what the engine gives back. */
  readonly results: string
  /** The name of the file with the engine's job. */
  readonly child: string
}

/**
 * Writes into a folder what Spark needs for a set: the labels and what they ask for, as Parquet, and the jobs. All checks have
 * been made before, by the code that makes sets in one process.
 */
export async function prepareSpark(work: SetWork, folder: string): Promise<SparkJob> {
  const { connection, stages, set, rows, unfinished } = work
  const runs: SparkRun[] = []
  for (const [run, entity] of stages.entries()) runs.push(await prepareRun(work, run, entity, folder))
  await writeLabels(connection, set, labelsFile(folder))
  const logged = stages.flatMap(({ stage }) => stage.logs).flatMap(({ files }) => files)
  const job: SparkJob = {
    runs,
    labels: labelsFile(folder),
    rows,
    logged: logged.reduce((sum, { segment }) => sum + segment.rows, 0),
    setSql: sparkSetSql(set),
    out: unfinished,
    work: folder,
    fileMark: FILE_MARK,
  }
  writeFileSync(join(folder, 'job.json'), JSON.stringify(job))
  return job
}

async function prepareRun(
  work: SetWork,
  run: number,
  { stage, parts, asked }: EntityWork,
  folder: string,
): Promise<SparkRun> {
  const { withStatus } = work.set
  await writeAsked(work, asked, new Lineage(stage.entity, parts), askedFile(folder, run))
  const staged = stagedSources(stage)
  const { sources, slots } = slotsOf(staged.map(({ source, fields }) => ({ spec: source.spec, fields })))
  const groups: FileGroup[] = []
  const queries = [labelsSql(run, slots)]
  staged.forEach((one, number) => {
    const found = sourceSql(run, number, stage, one, sources[number] as (typeof sources)[number], slots)
    groups.push(...found.groups)
    queries.push(...found.queries)
  })
  const job: ChildJob = {
    definitions: stage.plan.spec as DefinitionsSpec,
    entity: stage.entity.spec.name,
    features: stage.features.map(({ name }) => name),
    // Of manifests no more than the engine asks for.
    parts: parts.map(({ shard, bornMs, previous, fromSeq, seq, since }) => ({
      shard,
      bornMs,
      previous,
      fromSeq,
      seq,
      since,
    })),
    run,
    withStatus,
    sources,
    slots,
  }
  const child = `tidemark-job-${run}`
  writeFileSync(join(folder, child), writeChildJob(job))
  const types = stage.features.map(({ feature }) => wireOf(feature.resultType))
  const results = resultColumns(types, withStatus).map(({ name, wire }) => `${name} ${sparkTypeOf(wire)}`)
  return {
    asked: askedFile(folder, run),
    groups,
    files: stage.logs.flatMap(({ manifest: { shard }, files }, part) =>
      files.map(({ segment }): readonly [string, ...number[]] => [
        segment.key.slice(FILE_MARK.length),
        part,
        stage.regions.indexOf(shard.region),
        stage.seqs[part] as number,
        shard.regionId,
        shard.epoch,
        shard.shard,
      ]),
    ),
    sql: queries.join('\nUNION ALL\n'),
    results: results.join(', '),
    child,
  }
}
