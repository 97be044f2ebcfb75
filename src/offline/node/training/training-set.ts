import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import type { DefinitionsSpec } from '../../../engine/index.ts'
import { type EntityRuntime, type FeatureRef, Plan, type VectorPlan } from '../../../plan/index.ts'
import { didYouMean } from '../../../util/did-you-mean.ts'
import { wholeSince } from '../../index.ts'
import {
  featureColumns,
  isTimeZone,
  LabelProblem,
  Lineage,
  type LogPart,
  type Mode,
  modeText,
  parseMode,
  statusColumn,
} from '../../training/index.ts'
import { openDuck } from '../duck.ts'
import { OfflineError } from '../offline-error.ts'
import { openLog, type ShardLog, sha256Of } from '../open-log.ts'
import { type AskOptions, askFor } from './asked.ts'
import { computeEntity } from './compute.ts'
import { checkNames, readLabelFile } from './label-file.ts'
import { rolesOf, textColumns } from './label-roles.ts'
import { formatOf, type SetFormat, setQuery, writeSet } from './output.ts'
import { checkReach } from './reach.ts'
import type { SetEngine, SetMade, SetWork } from './set-engine.ts'
import { cutOf, engineVersion, manifestOf, SET_MANIFEST_FORMAT, type SetManifest } from './set-manifest.ts'
import { parseSplit, SPLIT_COLUMN, splitText } from './split.ts'
import { checkRules, nameFiles, type StageOptions, stagedSources } from './stage-rows.ts'
import type { TallyParts } from './tally.ts'

export interface TrainingSetOptions {
  /** As `definitions(...)` made it. */
  readonly definitions: { readonly spec: DefinitionsSpec }
  /** `fraud`, its newest version, or `fraud@1`. */
  readonly service: string
  /** A Parquet, CSV or NDJSON file. */
  readonly labels: string
  /** The set: a .parquet, .arrow or .csv file. Beside it OUT.manifest.json. */
  readonly out: string
  /** The bucket of the log, as a folder. */
  readonly log: string
  /** `as-served` (default), `lag:1h`, `ideal`. */
  readonly mode?: string
  /** The region that serves, where the log has several and no column says it. */
  readonly region?: string
  /** How long after its arrival an event of another region is seen, ms; default 0. */
  readonly publishLagMs?: number
  /** An IANA zone for times that have none. */
  readonly timeZone?: string
  /** What columns of the labels are called: of a key by its name, `at`, `commits`, `region`. */
  readonly columns?: Readonly<Record<string, string>>
  /** Adds the status of each feature as a column. Default false. */
  readonly status?: boolean
  /** `time:2026-01-01` or `hash:0.8`: adds a column `split`. */
  readonly split?: string
  /** The manifest of a set that is to be made again: what it says of mode, region, columns and the log holds. */
  readonly again?: SetManifest
  /** Worker threads; default one a core, 0: none. */
  readonly threads?: number
  /** What DuckDB may take, MB, workers included; default 1,000. */
  readonly memoryMb?: number
  /** Takes labels whose features reach back to before what the log has, with values of what is left and the status partial. Default false. */
  readonly allowPartial?: boolean
  /** Does not compare the checksums of the log's files. Default false. */
  readonly isTrusted?: boolean
  readonly signal?: AbortSignal
  /** What computes it instead of this process; it makes a folder of Parquet files, named `out`. */
  readonly engine?: SetEngine
  /** Told of each step, and of how many labels are computed. */
  readonly onProgress?: (progress: TrainingProgress) => void
}

export interface TrainingProgress {
  readonly step: 'log' | 'labels' | 'rows' | 'values' | 'writing'
  readonly done: number
  readonly total: number
}

const DEFAULT_MEMORY_MB = 1_000

/**
 * Makes a point-in-time training set from the log: for each label what a lookup would have given. Either all of it is there
 * afterwards, with its manifest, or nothing.
 *
 * Throws an {@link OfflineError} that says what is wrong with the labels, the log or an option.
 *
 * @example
 * await trainingSet({ definitions, service: 'fraud@1', labels: 'labels.parquet', out: 'set.parquet', log: 'bucket' })
 */
export async function trainingSet(options: TrainingSetOptions): Promise<SetManifest> {
  const settings = settingsOf(options)
  const temporary = mkdtempSync(join(tmpdir(), 'tidemark-train-'))
  const unfinished = join(dirname(resolve(options.out)), `.${basename(options.out)}.${process.pid}.unfinished`)
  try {
    const manifest = await make(options, settings, temporary, unfinished)
    rmSync(manifestOf(options.out), { force: true })
    if (options.engine !== undefined) rmSync(options.out, { recursive: true, force: true })
    renameSync(unfinished, options.out)
    writeFileSync(manifestOf(options.out), `${JSON.stringify(manifest, null, 2)}\n`)
    return manifest
  } catch (error) {
    if (error instanceof LabelProblem)
      throw new OfflineError(`labels: ${options.labels}, row ${error.row + 1}: ${error.message}.`)
    throw error
  } finally {
    rmSync(temporary, { recursive: true, force: true })
    rmSync(unfinished, { recursive: true, force: true })
  }
}

interface Settings {
  readonly plan: Plan
  readonly vector: VectorPlan
  readonly mode: Mode
  readonly format: SetFormat
}

/** What can be known to be wrong before anything is read. */
function settingsOf({
  definitions,
  service,
  out,
  mode = 'as-served',
  timeZone,
  split,
  again,
  engine,
}: TrainingSetOptions): Settings {
  const plan = new Plan(definitions.spec)
  const vector = plan.service(again?.service ?? service)
  if (vector === undefined)
    throw new OfflineError(`there is no feature service ${service}.${didYouMean(service, plan.serviceNames)}`)
  if (again !== undefined && again.definitions !== plan.hash)
    throw new OfflineError(
      `the set was made by definitions ${again.definitions}, these are ${plan.hash}: take those of its commit.`,
    )
  const parsed = parseMode(again?.mode ?? mode)
  if ('error' in parsed) throw new OfflineError(`--mode: ${parsed.error}.`)
  const zone = again === undefined ? timeZone : again.timeZone
  if (zone && !isTimeZone(zone))
    throw new OfflineError(`--time-zone ${zone} is no time zone: write an IANA name such as Europe/Berlin, or UTC.`)
  const parsedSplit = split === undefined ? undefined : parseSplit(split)
  if (parsedSplit && 'error' in parsedSplit) throw new OfflineError(`--split: ${parsedSplit.error}.`)
  return { plan, vector, mode: parsed, format: engine === undefined ? formatOf(out) : folderOf(out) }
}

/** A folder that is written anew has to be a set: what else somebody keeps there is not ours to delete. */
function folderOf(out: string): SetFormat {
  if (/\.(csv|arrow|feather)$/i.test(out))
    throw new OfflineError(
      `--out ${out}: this engine writes a folder of Parquet files; name it without .csv or .arrow.`,
    )
  if (existsSync(out) && !existsSync(manifestOf(out)))
    throw new OfflineError(`--out ${out} is there already, and is no set: name another folder, or take it away.`)
  return 'parquet'
}

/** The features of a vector by entity, and where each is in the set. */
function runsOf({ features, entities }: VectorPlan): { entity: EntityRuntime; features: FeatureRef[] }[] {
  return entities.map((entity) => ({ entity, features: features.filter((feature) => feature.entity === entity) }))
}

async function make(
  options: TrainingSetOptions,
  settings: Settings,
  temporary: string,
  unfinished: string,
): Promise<SetManifest> {
  const { labels: file, again, signal, onProgress } = options
  const { plan, vector, mode, format } = settings
  const say = (step: TrainingProgress['step'], done = 0, total = 0): void => onProgress?.({ step, done, total })
  const columns = featureColumns(vector)
  if ('error' in columns) throw new OfflineError(`${columns.error}.`)
  const labelsSha256 = again === undefined ? undefined : await sha256Of(file).catch(() => undefined)
  if (again !== undefined && labelsSha256 !== undefined && labelsSha256 !== again.labels.sha256)
    throw new OfflineError(
      `labels: ${file} is not the file that the set was made of: its SHA-256 is ${labelsSha256}, not ${again.labels.sha256}.`,
    )
  const memoryMb = options.memoryMb ?? DEFAULT_MEMORY_MB
  const { connection, instance } = await openDuck({ threads: 2, memoryMb: Math.ceil(memoryMb / 2), temporary })
  try {
    say('labels')
    const given = again?.columns ?? options.columns ?? {}
    const runs = runsOf(vector)
    const keyNames = [...new Set(runs.flatMap(({ entity }) => entity.spec.keys.map(({ name }) => name)))]
    const { columns: labelColumns, rows } = await readLabelFile(connection, file, textColumns(keyNames, given))
    const roles = rolesOf(file, labelColumns, keyNames, given)
    const withStatus = again?.status ?? options.status ?? false
    const splitGiven = again === undefined ? options.split : (again.split ?? undefined)
    const split = splitGiven === undefined ? undefined : parseSplit(splitGiven)
    if (split && 'error' in split) throw new OfflineError(`--split: ${split.error}.`)
    const taken = columns.flatMap(({ name }) => (withStatus ? [name, statusColumn(name)] : [name]))
    checkNames(file, labelColumns, split ? [...taken, SPLIT_COLUMN] : taken)

    say('log')
    const opened = await openLog(options.log, {
      entities: runs.map(({ entity }) => entity.spec.name),
      ...(options.isTrusted && { isTrusted: true }),
    })
    const logs = runs.map(({ entity }) => logsOf(opened, entity, options.log, again))
    const regions = [...new Set(logs.flat().map(({ log }) => log.manifest.shard.region))].sort()
    const region = again === undefined ? options.region : (again.region ?? undefined)
    const asks: AskOptions = {
      file,
      roles,
      columns: labelColumns,
      timeZone: again === undefined ? options.timeZone : (again.timeZone ?? undefined),
      regions,
      serving: servingOf(region, regions),
      entities: runs.map(({ entity }, run) => ({
        entity,
        lineage: new Lineage(
          entity,
          (logs[run] as PartLog[]).map(({ part }) => part),
        ),
        table: `tm_asked_${run}`,
      })),
    }
    for (const { lineage } of asks.entities) {
      const late = lineage.behind
      if (late === undefined) continue
      const { name, seq, needed } = late
      throw new OfflineError(
        `the log of ${name} has commits up to ${seq}, and the shard after it took over at ${needed}: what came in between has not left yet. Flush the log (POST /v1/log/flush) and try again.`,
      )
    }
    const asked = await askFor({ connection, instance }, asks)
    if (asked.labels !== rows)
      throw new Error(`of ${rows} labels ${asked.labels} were read: this is a bug, and nothing was written`)
    if (!options.allowPartial) {
      for (const [run, { entity, features }] of runs.entries()) {
        const wholeMs = wholeSince((logs[run] as PartLog[]).map(({ log }) => log.manifest))
        await checkReach(connection, { file, entity, features, asked: `tm_asked_${run}`, wholeMs })
      }
    }
    signal?.throwIfAborted()
    const stages = runs.map(({ entity, features }, run): StageOptions => {
      const own = logs[run] as PartLog[]
      return {
        plan,
        entity,
        features,
        logs: own.map(({ log }) => log),
        seqs: own.map(({ part }) => part.seq),
        regions,
        mode,
        publishLagMs: again?.publishLagMs ?? options.publishLagMs ?? 0,
        entities: `tm_entities_${run}`,
        goesByMode: asked.byCommits < asked.labels,
      }
    })
    say('rows')
    for (const stage of stages) {
      await nameFiles(connection, stage)
      for (const source of stagedSources(stage)) await checkRules(connection, stage, source)
    }
    const places = vector.features.map((feature) => {
      const relation = runs.findIndex(({ entity }) => entity === feature.entity)
      return { relation, index: (runs[relation] as (typeof runs)[number]).features.indexOf(feature) }
    })
    const work: SetWork = {
      connection,
      instance,
      stages: stages.map((stage, run) => ({
        stage,
        parts: (logs[run] as PartLog[]).map(({ part }) => part),
        asked: `tm_asked_${run}`,
      })),
      set: { labels: labelColumns, columns, places, asked: 'tm_asked_0', withStatus, split },
      rows,
      temporary,
      unfinished,
      signal,
      say,
    }
    const { tallies, written } = await (options.engine === undefined
      ? here(work, options, memoryMb, format)
      : options.engine.make(work))
    if (written !== rows)
      throw new Error(`of ${rows} labels ${written} were written: this is a bug, and nothing is left`)
    signal?.throwIfAborted()
    const names = vector.features.map(({ name }) => name)
    const manifest: SetManifest = {
      format: SET_MANIFEST_FORMAT,
      service: vector.service ?? options.service,
      features: names,
      definitions: plan.hash,
      engine: engineVersion(),
      mode: modeText(mode),
      region: typeof asks.serving === 'number' ? (regions[asks.serving] ?? null) : null,
      publishLagMs: stages[0]?.publishLagMs ?? 0,
      timeZone: asks.timeZone ?? null,
      columns: {
        ...Object.fromEntries(roles.keys),
        at: roles.time,
        ...(roles.commits !== null && { commits: roles.commits }),
        ...(roles.region !== null && { region: roles.region }),
      },
      split: split === undefined ? null : splitText(split),
      status: withStatus,
      seed: null,
      labels: { sha256: labelsSha256 ?? (await sha256Of(file)), rows: asked.labels, byCommits: asked.byCommits },
      log: again?.log ?? logs.flat().map(({ log }) => cutOf(log, names)),
      rows: asked.labels,
      counts: Object.fromEntries(
        vector.features.map(({ name }, i) => {
          const { relation, index } = places[i] as (typeof places)[number]
          const tally = (tallies[relation] as TallyParts).features[index] as TallyParts['features'][number]
          return [name, { ...tally, nullShare: tally.nulls / asked.labels }]
        }),
      ),
      content: Object.fromEntries(
        runs.map(({ entity }, run) => [entity.spec.name, (tallies[run] as TallyParts).digest]),
      ),
    }
    if (again !== undefined) checkSame(again, manifest, opened)
    return manifest
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** Computes a set in this process and its threads. */
async function here(
  work: SetWork,
  { threads }: Pick<TrainingSetOptions, 'threads'>,
  memoryMb: number,
  format: SetFormat,
): Promise<SetMade> {
  const { connection, instance, stages, set, rows, temporary, unfinished, signal, say } = work
  const total = rows * stages.length
  let done = 0
  const tallies: TallyParts[] = []
  const relations: string[] = []
  for (const [run, { stage, parts, asked }] of stages.entries()) {
    const { tally, relation } = await computeEntity({
      instance,
      connection,
      stage,
      parts,
      run,
      asked,
      withStatus: set.withStatus,
      threads,
      memoryMb: Math.ceil(memoryMb / 4),
      temporary,
      signal,
      onRows: (more) => {
        done += more
        say('values', done, total)
      },
    })
    tallies.push(tally)
    relations.push(relation)
    signal?.throwIfAborted()
  }
  say('writing')
  return { tallies, written: await writeSet(connection, setQuery({ ...set, relations }), unfinished, format) }
}

interface PartLog {
  readonly log: ShardLog
  readonly part: LogPart
}

/** The logs of an entity; of a set that is made again those that it was read from, up to where it was. */
function logsOf(
  opened: readonly ShardLog[],
  { spec }: EntityRuntime,
  folder: string,
  again: SetManifest | undefined,
): PartLog[] {
  const own = opened.filter(({ manifest }) => manifest.shard.entity === spec.name)
  const whole = wholeSince(own.map(({ manifest }) => manifest))
  const since = whole === Number.NEGATIVE_INFINITY ? {} : { wholeMs: whole }
  if (again === undefined) {
    if (own.length === 0)
      throw new OfflineError(
        `${folder} has no log of entity ${spec.name}: is this the bucket, and has anything been accepted?`,
      )
    return own.map((log) => ({ log, part: { ...log.manifest, ...since } }))
  }
  return again.log
    .filter(({ shard }) => shard.entity === spec.name)
    .map((cut) => {
      const { region, entity, epoch, shard } = cut.shard
      const name = `${region}/${entity}/${epoch}/${shard}`
      const log = own.find(({ manifest: { shard: other, bornMs } }) => {
        return other.region === region && other.epoch === epoch && other.shard === shard && bornMs === cut.bornMs
      })
      if (log === undefined) throw new OfflineError(`${folder} has no log of ${name}, which the set was made from.`)
      if (log.manifest.seq < cut.seq)
        throw new OfflineError(
          `the log of ${name} ends at commit ${log.manifest.seq}; the set was made from it up to ${cut.seq}.`,
        )
      return { log, part: { ...cut, ...since } }
    })
}

function servingOf(region: string | undefined, regions: readonly string[]): AskOptions['serving'] {
  const [only] = regions
  if (region === undefined) {
    if (only !== undefined && regions.length === 1) return 0
    return {
      error:
        `the log has the regions ${regions.join(', ')}: say which of them serves with --region, ` +
        'or name a column of the labels that says it with --columns region=COLUMN.',
    }
  }
  const place = regions.indexOf(region)
  if (place < 0) throw new OfflineError(`the log has no region ${region}.${didYouMean(region, regions)}`)
  return place
}

/** A set that is made again is the same, or it is an error. */
function checkSame(before: SetManifest, now: SetManifest, opened: readonly ShardLog[]): void {
  const changed = Object.keys(now.content).filter((entity) => now.content[entity] !== before.content[entity])
  if (changed.length === 0) return
  const removed = opened.flatMap(({ manifest: { shard, removed: gone } }) => {
    const had = before.log.find(
      ({ shard: other }) =>
        other.region === shard.region &&
        other.entity === shard.entity &&
        other.epoch === shard.epoch &&
        other.shard === shard.shard,
    )
    return gone.length > (had?.removed.length ?? 0)
      ? [`${shard.region}/${shard.entity}/${shard.epoch}/${shard.shard}`]
      : []
  })
  const why =
    removed.length === 0
      ? 'the engine or the log is not what it was'
      : `rows were taken out of the log of ${removed.join(', ')} since`
  throw new OfflineError(
    `the set could not be made again: other values for entity ${changed.join(', ')}; ${why}. Nothing was written.`,
  )
}
