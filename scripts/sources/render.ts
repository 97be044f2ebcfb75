/** Sources for people: what waits for a person first, then a line a partition. At most 100 columns wide. */
import { age, clock, cut, type Paint, printable, shortAge, wrap } from '../lib/terminal.ts'
import { grouped } from '../start/progress.ts'
import {
  type ForwardStatus,
  type PartitionStatus,
  partitionText,
  type SourceStatus,
  type TopicStatus,
} from './client.ts'

const WIDTH = 100

/** Records a second by `source topic/partition`, where two looks allow to tell. */
export type Rates = ReadonlyMap<string, number>

export const rateKey = (source: string, partition: PartitionStatus): string => `${source} ${partitionText(partition)}`

interface Row {
  readonly source: string
  readonly partition: PartitionStatus
}

/**
 * Everything that stands still until a person does something: partitions that are halted or wait, topics that cannot be listed, and
 * queues that are stuck.
 */
export function standsStill(sources: readonly SourceStatus[]): boolean {
  return (
    halted(sources).length > 0 ||
    sources.some(({ topics }) => topics.some(({ problem }) => problem !== undefined)) ||
    sources.some(({ forwards = [] }) => forwards.some(({ stuck }) => stuck !== undefined))
  )
}

function halted(sources: readonly SourceStatus[]): Row[] {
  return rowsOf(sources).filter(({ partition: { phase } }) => phase === 'halted' || phase === 'waiting')
}

function rowsOf(sources: readonly SourceStatus[]): Row[] {
  return sources.flatMap(({ source, topics }) =>
    topics.flatMap(({ partitions }) => partitions.map((partition) => ({ source, partition }))),
  )
}

/**
 * The sources of a region as a table.
 *
 * @param where what was asked, for the heading: `east at http://127.0.0.1:8787`
 * @param rates absent: no column for them
 */
export function listText(
  sources: readonly SourceStatus[],
  where: string,
  paint: Paint,
  nowMs: number,
  rates?: Rates,
): string {
  const { bold } = paint
  const rows = rowsOf(sources)
  const lines = [`${bold(`${countOf(sources.length, 'source')} of ${where}`)}`, summary(rows, paint), '']
  for (const row of halted(sources)) lines.push(...haltText(row, paint, nowMs), '')
  for (const { source, topic } of brokenTopics(sources)) lines.push(...brokenText(source, topic, paint), '')
  if (rows.length > 0) lines.push(...tableOf(sources, paint, nowMs, rates))
  for (const { source, forwards = [] } of sources) {
    for (const forward of forwards.filter(({ events }) => events > 0))
      lines.push(
        '',
        `${bold(source)} ${forwardText(forward, paint, nowMs)}`,
        ...forwardProblem(source, forward, paint, nowMs),
      )
  }
  const doors = sources.filter(({ topics }) => topics.length === 0)
  if (doors.length > 0) {
    const names = doors.map(({ source }) => source).join(', ')
    lines.push(...(rows.length > 0 ? [''] : []), paint.dim(cut(`By webhook alone: ${names}`, WIDTH)))
  }
  return lines.join('\n').trimEnd()
}

function summary(rows: readonly Row[], { dim, warn, good }: Paint): string {
  if (rows.length === 0) return dim('no partition of a topic')
  const of = (phase: string) => rows.filter(({ partition }) => partition.phase === phase).length
  const [stopped, waiting, running, away] = [of('halted'), of('waiting'), of('running'), of('away')]
  const held = rows.filter(({ partition }) => partition.isHeld).length
  const parts = [
    stopped > 0 ? warn(`${grouped(stopped)} halted`) : '',
    waiting > 0 ? warn(`${grouped(waiting)} waiting to be moved`) : '',
    running > 0 ? good(`${grouped(running)} running`) : '',
    held > 0 ? warn(`${grouped(held)} held by a restore that has not ended`) : '',
    away > 0 ? dim(`${grouped(away)} pulled elsewhere`) : '',
  ].filter(Boolean)
  const lags = rows.flatMap(({ partition }) => (partition.phase === 'away' ? [] : [partition.lag ?? 0]))
  const lag = lags.reduce((sum, one) => sum + one, 0)
  return `${countOf(rows.length, 'partition')}: ${parts.join(', ')}; ${countOf(lag, 'record')} behind`
}

function haltText({ source, partition }: Row, { bold, warn, dim }: Paint, nowMs: number): string[] {
  const { phase, halt, problem, resume } = partition
  if (phase === 'waiting')
    return [
      `${warn('WAITS')} ${bold(`${source} ${partitionText(partition)}`)}`,
      ...wrap(problem ?? '', WIDTH - 2).map((line) => `  ${line}`),
      ...(resume === undefined ? [] : [`  ${bold(printable(resume))}`]),
    ]
  const since = halt === null ? '' : `, ${age(nowMs - halt.sinceMs)} ago, before offset ${grouped(halt.offset)}`
  return [
    `${warn('HALTED')} ${bold(`${source} ${partitionText(partition)}`)} ${dim(`${halt?.reason ?? ''}${since}`)}`,
    ...wrap(halt?.message ?? '', WIDTH - 2).map((line) => `  ${line}`),
    ...(resume === undefined ? [] : [`  ${bold(printable(resume))}`]),
  ]
}

function brokenTopics(sources: readonly SourceStatus[]): { source: string; topic: TopicStatus }[] {
  return sources.flatMap(({ source, topics }) =>
    topics.filter(({ problem }) => problem !== undefined).map((topic) => ({ source, topic })),
  )
}

function brokenText(source: string, { topic, cluster, problem = '' }: TopicStatus, { bold, warn, dim }: Paint) {
  return [
    `${warn('NOT LISTED')} ${bold(`${source} ${topic}`)} ${dim(`cluster ${cluster}`)}`,
    ...wrap(problem, WIDTH - 2).map((line) => `  ${line}`),
  ]
}

const PHASES = ['halted', 'waiting', 'running', 'away'] as const

function tableOf(sources: readonly SourceStatus[], paint: Paint, nowMs: number, rates: Rates | undefined): string[] {
  const { bold, dim } = paint
  const columns = ['offset', 'behind', 'newest', ...(rates ? ['per second'] : []), 'refused']
  const cellsOf = (source: string, partition: PartitionStatus) => [
    partition.offset < 0 ? '-' : grouped(partition.offset),
    partition.phase === 'away' || partition.lag === null ? '-' : grouped(partition.lag),
    partition.newestMs === 0 ? '-' : shortAge(Math.max(0, nowMs - partition.newestMs)),
    ...(rates ? [grouped(Math.round(rates.get(rateKey(source, partition)) ?? 0))] : []),
    grouped(partition.counts.refused),
  ]
  const rows = rowsOf(sources)
  const cells = rows.map(({ source, partition }) => cellsOf(source, partition))
  const widths = columns.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i]?.length ?? 0)))
  // What is left of the line: two blanks before each column, and the phase.
  const taken = widths.reduce((sum, width) => sum + width + 2, 0) + 'running'.length + 2
  const nameWidth = Math.min(
    Math.max('partition'.length, ...rows.map(({ partition }) => partitionText(partition).length + 2)),
    WIDTH - taken,
  )
  const line = (name: string, phase: string, texts: readonly string[]) =>
    [name, phase, ...texts.map((text, i) => text.padStart(widths[i] ?? 0))].join('  ')
  const lines = [dim(line('partition'.padEnd(nameWidth), 'phase'.padEnd('running'.length), columns))]
  for (const { source, kind, topics } of sources.filter(({ topics }) => topics.length > 0)) {
    lines.push(kind === 'table' ? `${bold(source)} ${dim('(table)')}` : bold(source))
    for (const { partitions } of topics) {
      for (const partition of sorted(partitions)) {
        const name = `  ${cut(partitionText(partition), nameWidth - 2).padEnd(nameWidth - 2)}`
        lines.push(line(name, phaseText(partition, paint), cellsOf(source, partition)))
        lines.push(...notesOf(partition).map((note) => dim(`    ${cut(note, WIDTH - 4)}`)))
      }
    }
  }
  return lines
}

/** Those that stand still first, then by number. */
function sorted(partitions: readonly PartitionStatus[]): PartitionStatus[] {
  return [...partitions].sort((a, b) => PHASES.indexOf(a.phase) - PHASES.indexOf(b.phase) || a.partition - b.partition)
}

function phaseText({ phase, failures }: PartitionStatus, { warn, good, dim }: Paint): string {
  if (phase === 'halted' || phase === 'waiting') return warn(phase.padEnd(7))
  if (phase === 'away') return dim(phase.padEnd(7))
  return failures > 0 ? warn('retries') : good(phase)
}

function notesOf({ phase, problem, failures, counts }: PartitionStatus): string[] {
  const times = failures === 1 ? 'once' : `${grouped(failures)} times`
  return [
    ...(phase === 'running' && problem !== null ? [`failed ${times}: ${problem}`] : []),
    ...(counts.lost > 0 ? [`${countOf(counts.lost, 'record')} were deleted at the broker before they were read`] : []),
  ]
}

/** One source with everything that is known of it. */
export function sourceText(status: SourceStatus, paint: Paint, nowMs: number, rates?: Rates): string {
  const { bold, dim } = paint
  const { source, kind, from, topics } = status
  const ways = [...new Set(from)].join(' and ')
  const lines = [`${bold(source)} ${dim(`${kind === 'table' ? 'a table' : 'a stream'}, by ${ways}`)}`, '']
  for (const forward of status.forwards ?? [])
    lines.push(forwardText(forward, paint, nowMs), ...forwardProblem(source, forward, paint, nowMs), '')
  if (topics.length === 0) return [...lines, 'Nothing is pulled: it comes by POST alone.'].join('\n')
  for (const row of halted([status])) lines.push(...haltText(row, paint, nowMs), '')
  for (const { topic } of brokenTopics([status])) lines.push(...brokenText(source, topic, paint), '')
  for (const { cluster, partitions } of topics) {
    for (const partition of sorted(partitions)) {
      lines.push(`${bold(partitionText(partition))} ${phaseText(partition, paint).trimEnd()}`)
      const facts = factsOf(partition, cluster, nowMs, rates?.get(rateKey(source, partition)))
      for (const [name, value] of facts) lines.push(`  ${name.padEnd(12)}${cut(value, WIDTH - 14)}`)
      lines.push('')
    }
  }
  return lines.join('\n').trimEnd()
}

/** What waits for another region. */
function forwardText({ home, events, bytes, oldestMs, problem }: ForwardStatus, paint: Paint, nowMs: number): string {
  if (events === 0) return paint.dim(`lives in ${home}; nothing waits to leave for it`)
  const since = oldestMs === null ? '' : `, the oldest for ${shortAge(Math.max(0, nowMs - oldestMs))}`
  const text = `${countOf(events, 'event')} (${(bytes / 1e6).toFixed(1)} MB) ${events === 1 ? 'waits' : 'wait'} to leave for ${home}${since}`
  return problem === undefined ? text : paint.warn(text)
}

function forwardProblem(
  source: string,
  { home, problem, stuck }: ForwardStatus,
  { dim, warn, bold }: Paint,
  nowMs: number,
): string[] {
  const why = problem === undefined ? [] : [dim(`    ${cut(printable(problem), WIDTH - 4)}`)]
  if (stuck === undefined) return why
  const since = shortAge(Math.max(0, nowMs - stuck.sinceMs))
  return [
    ...why,
    `    ${warn('STUCK')} ${home} has turned the first of them away ${grouped(stuck.tries)} times in ${since}.`,
    '    Mend the cause; or make them dead letters here, so that the rest leaves:',
    `    ${bold(`npx tidemark sources skip ${source} --home ${home}`)}`,
  ]
}

function factsOf(partition: PartitionStatus, cluster: string, nowMs: number, rate: number | undefined) {
  const { offset, end, lag, newestMs, seenMs, generation, incarnation, topicId, counts, notes, problem } = partition
  const taken = (['accepted', 'duplicates', 'refused', 'skipped', 'lost'] as const)
    .filter((name) => counts[name] > 0)
    .map((name) => `${grouped(counts[name])} ${name}`)
  const facts: [string, string | undefined][] = [
    ['cluster', cluster],
    ['next offset', offset < 0 ? 'not known yet' : `${grouped(offset)} of ${grouped(Math.max(end, offset))}`],
    ['behind', lag === null ? undefined : countOf(lag, 'record')],
    [
      'newest',
      newestMs === 0 ? undefined : `written ${clock(newestMs)}, ${shortAge(Math.max(0, nowMs - newestMs))} ago`,
    ],
    ['looked', seenMs === 0 ? undefined : `${shortAge(Math.max(0, nowMs - seenMs))} ago`],
    ['per second', rate === undefined ? undefined : grouped(Math.round(rate))],
    ['records', [grouped(counts.records), ...taken].join(', ')],
    ['reader', `generation ${generation}, incarnation ${incarnation}${topicId === null ? '' : `, topic ${topicId}`}`],
    ['problem', problem ?? undefined],
    ...notes.map((note): [string, string] => ['schema', note]),
  ]
  return facts.filter((fact): fact is [string, string] => fact[1] !== undefined)
}

const countOf = (count: number, what: string): string => `${grouped(count)} ${what}${count === 1 ? '' : 's'}`
