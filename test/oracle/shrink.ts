import { type Case, compare, type Mismatch } from './agreement.ts'

/** Whether a case still shows what is looked for; throwing counts, if throwing is what was found. */
type Fails = (candidate: Case) => boolean

/** The least that still differs: one feature, one read, as few steps as possible, as few fields as possible. */
export function shrink(found: Case): { readonly least: Case; readonly mismatch: Mismatch | undefined } {
  let least = found
  const keep = (candidate: Case, fails: Fails = differs): boolean => {
    if (!fails(candidate)) return false
    least = candidate
    return true
  }
  for (const feature of found.view.features) keep({ ...least, view: { ...least.view, features: [feature] } })
  for (const t of found.times) if (keep({ ...least, times: [t] })) break
  keep({ ...least, disturbed: [] })
  dropSteps(() => least, keep)
  for (const field of Object.keys(least.steps[0]?.event.fields ?? {})) keep(withoutField(least, field))
  dropSteps(() => least, keep)
  return { least, mismatch: outcome(least) }
}

/** Delta debugging (Zeller, Hildebrandt 2002), halves first, single steps last. */
function dropSteps(current: () => Case, keep: (candidate: Case) => boolean): void {
  for (let size = Math.ceil(current().steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < current().steps.length; ) {
      const steps = current().steps.filter((_, i) => i < from || i >= from + size)
      // A row that is taken back must have come: else it is another question.
      const isWhole = steps.every(
        (step) => step.sign === 1 || steps.some((s) => s.sign === 1 && s.event === step.event),
      )
      if (steps.length === 0 || !isWhole || !keep({ ...current(), steps })) from += size
    }
  }
}

function withoutField(of: Case, field: string): Case {
  const events = new Map(
    of.steps.map(({ event }) => [event, { ...event, fields: { ...event.fields, [field]: null } }] as const),
  )
  return { ...of, steps: of.steps.map((step) => ({ ...step, event: events.get(step.event) ?? step.event })) }
}

const differs: Fails = (candidate) => {
  try {
    return compare(candidate).mismatches.length > 0
  } catch {
    return true
  }
}

function outcome(of: Case): Mismatch | undefined {
  try {
    return compare(of).mismatches[0]
  } catch {
    return undefined
  }
}

/** A case as text for a person: the definition, the steps, and both answers. */
export function report({ least, mismatch }: ReturnType<typeof shrink>): string {
  const show = (value: unknown) =>
    JSON.stringify(value, (_, v: unknown) =>
      typeof v === 'bigint' ? `${v}n` : Object.is(v, -0) ? '-0' : v instanceof Float32Array ? [...v] : v,
    )
  const { features, exactRows, allowedLatenessMs } = least.view
  const steps = least.steps.map(({ event, sign }) => {
    const fields = Object.fromEntries(Object.entries(event.fields).filter(([, value]) => value !== null))
    const { time, availableAt, shard, seq } = event
    return `  ${sign === 1 ? '+' : '-'} ${show({ time, availableAt, shard, seq, fields })}`
  })
  return [
    `feature    ${show(features)}`,
    `view       exactRows ${exactRows}, allowedLatenessMs ${allowedLatenessMs}`,
    `steps      ${steps.length}${least.disturbed.length > 0 ? `, read and paged after ${least.disturbed.join()}` : ''}`,
    ...steps,
    `read at    ${least.times.join()}`,
    `engine     ${mismatch ? show(mismatch.got) : errorOf(least)}`,
    `oracle     ${show(mismatch?.want)}`,
  ].join('\n')
}

function errorOf(of: Case): string {
  try {
    compare(of)
    return 'agrees now'
  } catch (error) {
    return String(error instanceof Error ? error.stack : error)
  }
}
