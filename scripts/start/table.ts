/** Vectors as a table for people: features down, flights across. At most 100 columns wide. */

export interface Vector {
  /** `SEA-LAX`, at most 8 characters. */
  readonly title: string
  readonly values: readonly unknown[]
  readonly status: readonly string[]
  readonly exact: readonly boolean[]
  readonly probability: number
}

const CELL_WIDTH = 8
const NAME_WIDTH = 22

/** `features` are full names, `view.feature`; a view is a heading. */
export function vectorTable(features: readonly string[], vectors: readonly Vector[]): string {
  const lines = [
    line(
      '',
      vectors.map(({ title }) => title),
    ),
  ]
  let view = ''
  features.forEach((full, i) => {
    const [ownView = '', name = full] = full.split('.')
    if (ownView !== view) lines.push(ownView)
    view = ownView
    lines.push(
      line(
        `  ${name}`,
        vectors.map(({ values, status, exact }) => cell(name, values[i], status[i], exact[i])),
      ),
    )
  })
  const odds = vectors.map(({ probability }) => percent(probability))
  lines.push('', line('will leave > 15 min late', odds))
  return lines.join('\n')
}

function line(name: string, cells: readonly string[]): string {
  return `${name.padEnd(NAME_WIDTH + 2)}${cells.map((text) => text.padStart(CELL_WIDTH)).join(' ')}`.trimEnd()
}

/** The value; what it is not, when it is not there. A count of nothing is 0 and empty, both said. */
function cell(name: string, value: unknown, status = 'missing', exact = true): string {
  const shown = value === null || value === undefined ? '' : valueText(name, value)
  if (status === 'present') return exact ? shown : `~${shown}`
  const both = shown === '' ? status : `${shown} ${status}`
  return both.length <= CELL_WIDTH ? both : status
}

function valueText(name: string, value: unknown): string {
  if (typeof value !== 'number') return String(value).slice(0, CELL_WIDTH)
  if (name.includes('share')) return percent(value)
  const text = name.includes('_avg') ? value.toFixed(1) : value.toLocaleString('en')
  // Room for the mark of what is not exact.
  return text.length < CELL_WIDTH ? text : value.toLocaleString('en', { notation: 'compact' })
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
