/** What `npx tidemark train` is asked for. */
import { parseArgs } from 'node:util'
import { didYouMean } from '../../src/util/did-you-mean.ts'
import { parseDuration } from '../../src/util/duration.ts'
import { UsageError } from '../lib/usage-error.ts'

export interface Options {
  /** Absent with a manifest, which says it. */
  readonly service?: string
  readonly labels: string
  readonly out: string
  readonly log?: string
  readonly definitions: string
  readonly mode?: string
  readonly region?: string
  readonly publishLagMs?: number
  readonly timeZone?: string
  readonly columns?: Readonly<Record<string, string>>
  readonly split?: string
  readonly status: boolean
  /** A set is made again from its manifest. */
  readonly manifest?: string
  readonly threads?: number
  readonly memoryMb?: number
  readonly isTrusted: boolean
  readonly allowPartial: boolean
  readonly json: boolean
  /** Absent: this process. */
  readonly spark?: SparkSettings
}

/** How Spark is asked. */
export interface SparkSettings {
  readonly master?: string
  readonly conf: readonly string[]
  readonly node?: string
  readonly work?: string
}

const DEFINITIONS = 'features/index.ts'
/** What a manifest says, so that nothing else may. */
const OF_MANIFEST = ['service', 'mode', 'region', 'publish-lag', 'time-zone', 'columns', 'split', 'status'] as const

/** Reads the command line. Throws a {@link UsageError}. */
export function parseOptions(args: readonly string[]): Options {
  const given = parsed(args)
  const { labels, out, service, manifest } = given
  if (labels === undefined) throw new UsageError('--labels FILE is missing: the labels, as Parquet, CSV or NDJSON.')
  if (out === undefined) throw new UsageError('--out FILE is missing: the set, as .parquet, .arrow or .csv.')
  if (service === undefined && manifest === undefined)
    throw new UsageError('--service NAME is missing: which features, such as fraud@1.')
  const said = manifest === undefined ? undefined : OF_MANIFEST.find((name) => given[name] !== undefined)
  if (said !== undefined) throw new UsageError(`--${said}: the manifest says it already; leave it out.`)
  return {
    labels,
    out,
    definitions: given.definitions ?? DEFINITIONS,
    status: given.status ?? false,
    isTrusted: given['no-verify'] ?? false,
    allowPartial: given['allow-partial'] ?? false,
    json: given.json ?? false,
    ...defined({
      service,
      manifest,
      log: given.log,
      mode: given.mode,
      region: given.region,
      timeZone: given['time-zone'],
      split: given.split,
      publishLagMs: given['publish-lag'] === undefined ? undefined : lagMs(given['publish-lag']),
      columns: given.columns === undefined ? undefined : columnsOf(given.columns),
      threads: number('threads', given.threads, 0),
      memoryMb: number('memory-mb', given['memory-mb'], 200),
      spark: sparkOf(given),
    }),
  }
}

const ENGINES = ['embedded', 'spark']
const OF_SPARK = ['master', 'spark-conf', 'spark-node', 'spark-work'] as const

function sparkOf(given: ReturnType<typeof parsed>): SparkSettings | undefined {
  const { engine = 'embedded' } = given
  if (!ENGINES.includes(engine))
    throw new UsageError(`--engine ${engine}: there is no such engine.${didYouMean(engine, ENGINES)}`)
  if (engine !== 'spark') {
    const said = OF_SPARK.find((name) => given[name] !== undefined)
    if (said === undefined) return undefined
    throw new UsageError(`--${said} is for Spark: add --engine spark.`)
  }
  const conf = given['spark-conf'] ?? []
  const wrong = conf.find((one) => !/^[^=]+=/.test(one))
  if (wrong !== undefined)
    throw new UsageError(`--spark-conf takes name=value, such as spark.driver.memory=2g; got "${wrong}".`)
  const { master, 'spark-node': node, 'spark-work': work } = given
  return { conf, ...defined({ master, node, work }) }
}

type Defined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> }

function defined<T extends object>(of: T): Defined<T> {
  return Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)) as Defined<T>
}

function lagMs(text: string): number {
  if (/^0(ms|s|m|h|d|w)?$/.test(text)) return 0
  const found = parseDuration(text)
  if ('error' in found) throw new UsageError(`--publish-lag: ${found.error}.`)
  return found.ms
}

function columnsOf(text: string): Record<string, string> {
  const pairs = text.split(',').map((pair) => /^([^=]+)=(.+)$/.exec(pair.trim()))
  const wrong = pairs.indexOf(null)
  if (wrong >= 0)
    throw new UsageError(`--columns takes names with commas between, such as user_id=uid,at=event_time; got "${text}".`)
  return Object.fromEntries(pairs.map((pair) => [pair?.[1] ?? '', pair?.[2] ?? '']))
}

function number(name: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new UsageError(`--${name} is a whole number, at least ${least}; got "${text}".`)
}

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const names = [
    'service',
    'labels',
    'out',
    'log',
    'definitions',
    'mode',
    'region',
    'publish-lag',
    'time-zone',
    'columns',
    'split',
    'manifest',
    'threads',
    'memory-mb',
    'engine',
    'master',
    'spark-node',
    'spark-work',
  ] as const
  const texts = Object.fromEntries(names.map((name) => [name, text])) as Record<(typeof names)[number], typeof text>
  try {
    return parseArgs({
      args: [...args],
      options: {
        ...texts,
        'spark-conf': { type: 'string', multiple: true },
        status: flag,
        'no-verify': flag,
        'allow-partial': flag,
        json: flag,
      },
    }).values
  } catch (error) {
    const what = error instanceof Error ? (error.message.split(/[.\n]/)[0] ?? '') : String(error)
    throw new UsageError(`${what}. See npx tidemark train --help.`)
  }
}
