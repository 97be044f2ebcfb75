/** What parity found, for people at a terminal: at most 100 columns wide. */
import type { FeatureTally, Mismatch, ParityReport, Skip, Verdict } from '../../src/offline/node/index.ts'
import { clock, cut, type Paint, wrap } from '../lib/terminal.ts'
import { grouped } from '../start/progress.ts'

const WIDTH = 100
/** Features that are told of by name when all is well. */
const MOST_FEATURES = 40

const SKIPPED: Readonly<Record<Skip, string>> = {
  behind: 'wait for the log, which does not have their commits yet (--wait 90s waits for it)',
  unlogged: 'saw a shard whose log is not here: give it with another --log',
  erased: 'are of entities whose data were erased since',
  definitions: 'were computed by definitions that are not in the bucket',
  untold: 'do not say which commits of each shard they saw',
  damaged: 'are no whole lines',
}

/** The columns of the table: those that are not compared stand together. */
const COLUMNS: readonly (readonly [title: string, verdicts: readonly Verdict[]])[] = [
  ['same', ['same']],
  ['differs', ['differs']],
  ['extra', ['extra']],
  ['missing', ['missing']],
  ['partial', ['partial']],
  ['other', ['failed', 'gone']],
]

export function reportText(report: ParityReport, paint: Paint): string {
  const { bold, dim, warn, good } = paint
  const { vectors, values, features, mismatches, notes, from, to, service } = report
  const checked = values.same + values.differs + values.extra + values.missing
  const heading =
    vectors.compared === 0
      ? bold('No vector was compared.')
      : vectors.mismatched === 0
        ? good(bold(`0 mismatches in ${counted(vectors.compared, 'vector')}, ${counted(checked, 'value')} bit for bit`))
        : warn(
            bold(`${grouped(vectors.mismatched)} of ${counted(vectors.compared, 'vector')} are not what the log gives`),
          )
  const of = service === null ? 'all that was served' : `service ${service}`
  const regions = report.regions.length === 0 ? '' : ` by ${report.regions.join(', ')}`
  const lines = [heading, dim(`${of}${regions}, ${clock(Date.parse(from))} to ${clock(Date.parse(to))} UTC`), '']
  if (features.length > 0) lines.push(...tableText(features, paint), '')
  for (const [why, count] of Object.entries(vectors.skipped) as [Skip, number][])
    if (count > 0) lines.push(...paragraph(`${counted(count, 'vector')} not compared: they ${SKIPPED[why]}.`))
  if (vectors.earlierDefinitions > 0)
    lines.push(
      ...paragraph(
        `${counted(vectors.earlierDefinitions, 'vector')} by earlier definitions, compared by those of then.`,
      ),
    )
  if (values.partial > 0)
    lines.push(
      ...paragraph(
        `${counted(values.partial, 'value')} partial: the feature was too young to have its whole history; not compared.`,
      ),
    )
  if (values.gone > 0)
    lines.push(...paragraph(`${counted(values.gone, 'value')} not compared: the log does not reach back far enough.`))
  if (values.failed > 0)
    lines.push(...paragraph(`${counted(values.failed, 'value')} not compared: served as damaged or timed out.`))
  for (const note of notes) lines.push(...paragraph(note))
  const blocks = [lines.join('\n').trimEnd(), ...mismatches.map((mismatch) => mismatchText(mismatch, paint).join('\n'))]
  return blocks.join('\n\n')
}

const counted = (count: number, one: string): string => `${grouped(count)} ${one}${count === 1 ? '' : 's'}`
const paragraph = (text: string): string[] => wrap(text, WIDTH)

function tableText(features: readonly FeatureTally[], { bold, dim, warn }: Paint): string[] {
  const shown = features.slice(0, MOST_FEATURES)
  // A column that has nothing in it says nothing.
  const columns = COLUMNS.filter(
    ([title, verdicts]) => title === 'same' || features.some((feature) => sumOf(feature, verdicts) > 0),
  )
  const widths = columns.map(([title, verdicts]) =>
    Math.max(title.length, ...shown.map((feature) => grouped(sumOf(feature, verdicts)).length)),
  )
  const rest = widths.reduce((sum, width) => sum + width + 2, 2)
  const nameWidth = Math.min(WIDTH - rest, Math.max(7, ...shown.map(({ feature }) => feature.length)))
  const head = columns.map(([title], i) => title.padStart(widths[i] as number)).join('  ')
  const rows = shown.map((feature) => {
    const cells = columns.map(([title, verdicts], i) => {
      const count = sumOf(feature, verdicts)
      const text = (count === 0 ? '-' : grouped(count)).padStart(widths[i] as number)
      if (count === 0) return dim(text)
      return title === 'differs' || title === 'extra' || title === 'missing' ? warn(text) : text
    })
    return `  ${cut(feature.feature, nameWidth).padEnd(nameWidth)}  ${cells.join('  ')}`
  })
  const more = features.length - shown.length
  return [
    `  ${bold('feature'.padEnd(nameWidth))}  ${bold(head)}`,
    ...rows,
    ...(more > 0 ? [dim(`  and ${counted(more, 'feature')} more; --json has all`)] : []),
  ]
}

const sumOf = ({ verdicts }: FeatureTally, of: readonly Verdict[]): number =>
  of.reduce((sum, verdict) => sum + verdicts[verdict], 0)

const SAYS: Readonly<Partial<Record<Verdict, string>>> = {
  differs: 'is another value',
  extra: 'was served, and the log gives none',
  missing: 'was not served, and the log gives one',
}

function mismatchText(mismatch: Mismatch, { bold, dim, warn }: Paint): string[] {
  const { feature, verdict, service, keys, at, served, region, commits, servedAs, recomputedAs, explanation } = mismatch
  const side = (name: string, { value, status, exact }: Mismatch['servedAs']) =>
    `    ${name.padEnd(8)}${cut(value, WIDTH - 40)}  ${dim(`${status}${exact ? '' : ', not exact'}`)}`
  const who = Object.entries(keys)
    .map(([entity, key]) => `${entity} ${JSON.stringify(key)}`)
    .join(', ')
  return [
    `${warn(bold(feature))} ${SAYS[verdict] ?? verdict}`,
    ...wrap(`${service ?? 'a list of features'} of ${who} at ${at}`, WIDTH - 4).map((line) => `    ${line}`),
    side('served', servedAs),
    side('log', recomputedAs),
    dim(`    served ${served} by ${region}`),
    ...wrap(`saw ${commits.join(' ')}`, WIDTH - 4).map((line) => dim(`    ${line}`)),
    ...explanation.flatMap((line) => {
      const indent = line.startsWith(' ') ? '      ' : '    '
      return wrap(line, WIDTH - indent.length).map((part) => `${indent}${part}`)
    }),
  ]
}
