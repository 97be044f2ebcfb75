/** What a run came to, as lines for people and as one object. */
import type { Verdict } from './cache.ts'
import type { Tried } from './campaign.ts'
import type { Judged } from './judged.ts'
import type { Mutant, Named } from './mutants.ts'

export interface Result {
  readonly seed: number
  /** How many mutants there are in all, of which these were drawn. */
  readonly outOf: number
  readonly tried: readonly Tried[]
  /** Drawn, and not counted. */
  readonly judged: readonly (Mutant & { readonly why: string })[]
  /** Judged once, of code that is gone. */
  readonly stale: readonly Judged[]
  /** Test files that fail without a mutant. */
  readonly leftOut: readonly string[]
}

/** Killed of all that were tried; 1 of none. */
export function scoreOf(tried: readonly Tried[]): number {
  return tried.length === 0 ? 1 : killedBy(tried, 'failed', 'timeout', 'broken') / tried.length
}

export function asJson({ seed, outOf, tried, judged, stale, leftOut }: Result): object {
  return {
    seed,
    outOf,
    sample: tried.length + judged.length,
    score: scoreOf(tried),
    killed: killedBy(tried, 'failed', 'timeout', 'broken'),
    timeouts: killedBy(tried, 'timeout'),
    broken: killedBy(tried, 'broken'),
    survivors: tried
      .filter(({ verdict }) => verdict.status === 'survived')
      .map(({ mutant }) => ({ ...named(mutant), line: mutant.line, mutator: mutant.mutator })),
    judged: judged.map((one) => ({ ...named(one), line: one.line, why: one.why })),
    stale,
    leftOut,
  }
}

type How = (Verdict & { status: 'killed' })['how']

function killedBy(tried: readonly Tried[], ...hows: How[]): number {
  return tried.filter(({ verdict }) => verdict.status === 'killed' && hows.includes(verdict.how)).length
}

/** As it stands in judged.json, but for the reason. */
function named({ file, in: within, code, from, to, nth }: Named): Named {
  return { file, in: within, code, from, to, ...(nth !== undefined && nth > 1 && { nth }) }
}

export function asText({ seed, outOf, tried, judged, stale, leftOut }: Result): string {
  const survivors = tried.filter(({ verdict }) => verdict.status === 'survived')
  const part = `${tried.length + judged.length} of ${outOf.toLocaleString('en')} mutants, seed ${seed}`
  return [
    table(tried),
    ...section(
      'Judged to change nothing, not counted:',
      judged.map((one) => `${place(one)}\n      ${one.why}`),
    ),
    ...section(
      'Survivors:',
      survivors.map(({ mutant }) => place(mutant)),
    ),
    ...section(
      'Judged, but of code that is gone (scripts/mutate/judged.json):',
      stale.map(({ file, code }) => `  ${file}: ${code}`),
    ),
    ...section(
      'Left out, for they fail without a mutant:',
      leftOut.map((file) => `  ${file}`),
    ),
    '',
    `Killed by a test ${killedBy(tried, 'failed')}, by the clock ${killedBy(tried, 'timeout')}, for it does not load ${killedBy(tried, 'broken')}.`,
    `${percent(scoreOf(tried))} killed: ${tried.length - survivors.length} of ${tried.length} (${part}, ${judged.length} judged)`,
  ].join('\n')
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines]
}

function place({ file, line, in: within, code, from, to }: Mutant): string {
  return `  ${file}:${line} ${within}\n      ${code}\n      ${from}  ->  ${to}`
}

function table(tried: readonly Tried[]): string {
  const files = [...new Set(tried.map(({ mutant }) => mutant.file))].sort()
  const rows = files.map((file) =>
    row(
      file,
      tried.filter(({ mutant }) => mutant.file === file),
    ),
  )
  return [cells('', ['mutants', 'killed', 'survived', 'score']), ...rows, row('all', tried)].join('\n')
}

function row(name: string, tried: readonly Tried[]): string {
  const killed = killedBy(tried, 'failed', 'timeout', 'broken')
  return cells(name, [`${tried.length}`, `${killed}`, `${tried.length - killed}`, percent(scoreOf(tried))])
}

function cells(name: string, values: readonly string[]): string {
  return `${name.padEnd(48)}${values.map((text) => text.padStart(9)).join(' ')}`
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
