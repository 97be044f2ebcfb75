/** Online stores for people. At most 100 columns wide. */
import type { StorePublishing } from '../../src/online/index.ts'
import { type Paint, shortAge, wrap } from '../lib/terminal.ts'
import { grouped } from '../start/progress.ts'

const WIDTH = 100
const HEADINGS = ['store', 'kind', 'waiting', 'oldest', 'told of', 'copies', 'refused']

/** How each store does, what is wrong first. `where`: `weur at https://...`. */
export function storesText(stores: readonly StorePublishing[], where: string, paint: Paint, nowMs: number): string {
  const heading = paint.bold(
    `${stores.length} ${stores.length === 1 ? 'online store' : 'online stores'}, as ${where} publishes to them`,
  )
  if (stores.length === 0)
    return `${heading}\nregions.ts names none. Write stores: [{ name: 'redis', kind: 'redis' }] into a region (docs/online-stores.md).`
  const lines = [heading, '']
  for (const { store, problems } of stores.filter((one) => one.problems.length > 0)) {
    lines.push(
      paint.warn(`${store} has a problem:`),
      ...problems.flatMap((problem) => wrap(problem, WIDTH - 2).map((line) => `  ${line}`)),
      '',
    )
  }
  const rows = stores.map((one) => [
    one.store,
    one.kind,
    one.waiting === 0 ? '-' : grouped(one.waiting),
    one.oldestMs === null ? '-' : shortAge(nowMs - one.oldestMs),
    toldOf(one),
    grouped(one.copies),
    one.refused === 0 ? '-' : grouped(one.refused),
  ])
  const widths = HEADINGS.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('   ')
      .trimEnd()
  return [...lines, paint.dim(line(HEADINGS)), ...rows.map(line)].join('\n')
}

function toldOf({ pages, paused }: StorePublishing): string {
  if (pages.done >= pages.all) return 'everything'
  const percent = Math.floor((pages.done / pages.all) * 100)
  return `${percent} %${paused > 0 ? ', paused' : ''}`
}
