/** What `npx tidemark sources` is asked for. */
import { parseArgs } from 'node:util'
import type { Barrier, ResumeOptions } from '../../src/source/index.ts'
import { nearest } from '../../src/util/did-you-mean.ts'
import { ADDRESS_OPTIONS, type IngestAddress, ingestAddress } from '../lib/ingest-client.ts'
import { UsageError } from '../lib/usage-error.ts'
import type { PartitionName } from './client.ts'

const COMMANDS = ['list', 'show', 'wake', 'resume', 'move', 'skip'] as const

export type Options = { readonly json: boolean } & (
  | { readonly command: 'list'; readonly at: IngestAddress; readonly watch: boolean }
  | { readonly command: 'show'; readonly at: IngestAddress; readonly watch: boolean; readonly source: string }
  | { readonly command: 'wake'; readonly at: IngestAddress }
  | {
      readonly command: 'resume'
      readonly at: IngestAddress
      readonly name: PartitionName
      readonly how: ResumeOptions
    }
  | { readonly command: 'skip'; readonly at: IngestAddress; readonly source: string; readonly home: string }
  | MoveOptions
)

export interface MoveOptions {
  readonly command: 'move'
  readonly json: boolean
  readonly name: PartitionName
  /** Absent only with a barrier: the region that pulled it may be gone. */
  readonly from?: IngestAddress
  readonly to: IngestAddress
  readonly barrier?: Barrier
}

/**
 * Reads the command line. Throws a {@link UsageError}.
 *
 * @param env where `TIDEMARK_URL` and `TIDEMARK_TOKEN` may be
 */
export function parseOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Options {
  const { values, positionals } = parsed(args)
  const [named = 'list', ...names] = positionals
  const command = COMMANDS.find((one) => one === named)
  if (command === undefined) {
    const near = nearest(named, COMMANDS)
    const hint = near === undefined ? `There are: ${COMMANDS.join(', ')}.` : `Did you mean "${near}"?`
    throw new UsageError(`there is no "${named}". ${hint}`)
  }
  const wantsName = command !== 'list' && command !== 'wake'
  if (!wantsName && names.length > 0) throw new UsageError(`${command} takes no name: use show ${names[0]}.`)
  if (wantsName && names.length !== 1) throw new UsageError(`${command} is of one source: write ${command} NAME.`)
  for (const [option, value] of Object.entries(values)) {
    if (value === undefined || option === 'json' || option === 'url' || option === 'token') continue
    if (!TAKES[command].includes(option)) throw new UsageError(`${command} takes no --${option}.`)
  }
  const { json = false, watch = false } = values
  if (watch && json) throw new UsageError('--watch is for people; ask with --json as often as you like instead.')
  const source = names[0] ?? ''
  if (command === 'move') return { ...moveOptions(source, values, env), json }
  const at = ingestAddress(values, env)
  switch (command) {
    case 'list':
      return { command, at, json, watch }
    case 'show':
      return { command, at, json, watch, source }
    case 'wake':
      return { command, at, json }
    case 'resume':
      return { command, at, json, name: partitionName(source, values.partition), how: resumeOptions(values) }
    case 'skip':
      if (values.home === undefined) throw new UsageError('skip takes --home REGION: whose queue, as list prints it.')
      return { command, at, json, source, home: values.home }
  }
}

/** Beside `--json`, `--url` and `--token`. */
const TAKES: Readonly<Record<(typeof COMMANDS)[number], readonly string[]>> = {
  list: ['watch'],
  show: ['watch'],
  wake: [],
  resume: ['partition', 'skip', 'offset'],
  skip: ['home'],
  move: ['partition', 'from-url', 'to-url', 'from-token', 'to-token', 'barrier'],
}

type Values = ReturnType<typeof parsed>['values']

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...ADDRESS_OPTIONS,
        ...{ partition: text, offset: text, skip: flag, home: text },
        ...{ 'from-url': text, 'to-url': text, 'from-token': text, 'to-token': text, barrier: text },
        ...{ json: flag, watch: flag },
      },
    })
  } catch (error) {
    const what = error instanceof Error ? (error.message.split(/[.\n]/)[0] ?? '') : String(error)
    throw new UsageError(`${what}. See npx tidemark sources --help.`)
  }
}

function partitionName(source: string, text: string | undefined): PartitionName {
  const [, topic, number] = /^([a-zA-Z0-9._-]+)\/(\d{1,6})$/.exec(text ?? '') ?? []
  if (topic !== undefined) return { source, topic, partition: Number(number) }
  const got = text === undefined ? '' : `; got "${text}"`
  throw new UsageError(`--partition takes a topic and a number, such as clicks/0, as list prints it${got}.`)
}

function resumeOptions({ skip, offset }: Values): ResumeOptions {
  if (skip === true && offset !== undefined)
    throw new UsageError('--skip goes on behind the record, --offset somewhere else: one of them.')
  return { ...(skip === true && { skip }), ...(offset !== undefined && { offset: wholeNumber('--offset', offset) }) }
}

function wholeNumber(name: string, text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(value)) return value
  throw new UsageError(`${name} takes a whole number; got "${text}".`)
}

function moveOptions(source: string, values: Values, env: Readonly<Record<string, string | undefined>>) {
  if (values.url !== undefined) throw new UsageError('move takes no --url: it is between --from-url and --to-url.')
  const name = partitionName(source, values.partition)
  const { 'from-url': fromUrl, 'to-url': toUrl, token } = values
  const barrier = values.barrier === undefined ? undefined : parseBarrier(values.barrier)
  if (toUrl === undefined || (fromUrl === undefined && barrier === undefined))
    throw new UsageError('move wants the ingest Workers of both regions: --from-url U1 --to-url U2.')
  const to = ingestAddress({ url: toUrl, token: values['to-token'] ?? token }, env, '--to-url')
  if (fromUrl === undefined) return { command: 'move' as const, name, to, ...(barrier && { barrier }) }
  const from = ingestAddress({ url: fromUrl, token: values['from-token'] ?? token }, env, '--from-url')
  if (from.url === to.url) throw new UsageError('--from-url and --to-url are the same: there is nothing to move.')
  return { command: 'move' as const, name, from, to, ...(barrier && { barrier }) }
}

/** The JSON that move prints. */
function parseBarrier(text: string): Barrier {
  const what =
    '--barrier takes the JSON that move printed: {"topicId":...,"incarnation":...,"offset":...,"generation":...}'
  let given: Partial<Record<keyof Barrier, unknown>> | null
  try {
    given = JSON.parse(text) as typeof given
  } catch {
    throw new UsageError(`${what}; got no JSON.`)
  }
  const { topicId, incarnation, offset, generation } = given ?? {}
  const isNumber = (value: unknown, least: number): value is number =>
    Number.isSafeInteger(value) && (value as number) >= least
  if (topicId !== null && typeof topicId !== 'string') throw new UsageError(`${what}; topicId is a text or null.`)
  if (!isNumber(incarnation, 0) || !isNumber(generation, 0) || !isNumber(offset, -1))
    throw new UsageError(`${what}; incarnation, offset and generation are whole numbers.`)
  return { topicId, incarnation, offset, generation }
}
