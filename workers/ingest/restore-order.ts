/** Objects that are asked at once. */
const AT_ONCE = 32
/** Calls of one request, about: an invocation may make only so many. */
const CALLS = 400
/** A restored object ends a moment after its answer; what it is told before that is lost. */
const SETTLE_MS = 1_000

/** The state of an object at a time, or why it has none. */
type Bookmark = { readonly bookmark: string } | { readonly problem: string }

/** Where to: a time in ms, or the states of before that a restore has named. */
export type RestoreTo = { readonly timeMs: number } | { readonly undo: ReadonlyMap<string, string> }

/** What became of one request: what was restored, and how to take that back. */
export interface RestoreReport {
  readonly restored: readonly { readonly object: string; readonly undo: string }[]
  /** Why nothing was changed. */
  readonly problems?: readonly string[]
  /** What broke; pullers and tables are held until all is done or undone. */
  readonly failed?: { readonly object: string; readonly problem: string }
  /** It is not done: the same request with this as `cursor` goes on. */
  readonly next?: number
}

/** An object that can be taken back (durable-objects/restore.ts). */
export interface Restorable {
  /** What is handed to comes before what hands on: pullers to tables and entities, tables to entities. */
  readonly kind: 'entity' | 'table' | 'puller'
  readonly name: string
  /** Made anew for each call: an object that was restored has ended, and a stub of before is of no use. */
  readonly stub: () => {
    bookmarkAt(timeMs: number): Promise<Bookmark>
    restoreTo(bookmark: string): Promise<{ readonly undo: string }>
    restored(lineage: string): Promise<void>
  }
  /** Of what hands on by itself. */
  readonly hold?: () => Promise<void>
  /** Where it goes back to when a time is asked for. */
  readonly timeMs: number
}

type Act = 'check' | 'hold' | 'restore' | 'go on'

interface Step {
  readonly act: Act
  readonly object: Restorable
}

/**
 * Takes objects of a region back. All are asked first whether they can. Then whatever hands on by itself is held: pullers,
 * and tables, which tell entities. Were a puller to go on in between, it would be past records that a shard, once it is restored, has not.
 * Then who is handed to before who hands on, and at the end all go on. Not the queues for other regions and not the dead
 * letters: what they hold is as true as before.
 *
 * @param cursor where a request before ended
 */
export async function restoreObjects(
  objects: readonly Restorable[],
  to: RestoreTo,
  cursor = 0,
  sleep: (ms: number) => Promise<void> = (ms) => new Promise((next) => setTimeout(next, ms)),
): Promise<RestoreReport> {
  const unknown = 'undo' in to ? [...to.undo.keys()].filter((name) => !objects.some((one) => one.name === name)) : []
  if (unknown.length > 0)
    return { restored: [], problems: unknown.map((name) => `${name} is no object of this region`) }
  const restored: { object: string; undo: string }[] = []
  const steps = stepsOf(objects, to)
  const lineage = crypto.randomUUID()
  const work = async ({ act, object }: Step): Promise<string | undefined> => {
    const { stub, name, hold } = object
    try {
      if (act === 'hold') await hold?.()
      else if (act === 'go on') await stub().restored(lineage)
      else {
        const known = 'undo' in to ? to.undo.get(name) : undefined
        const found = known === undefined ? await stub().bookmarkAt(object.timeMs) : { bookmark: known }
        if ('problem' in found) return found.problem
        if (act === 'restore') restored.push({ object: name, undo: (await stub().restoreTo(found.bookmark)).undo })
      }
      return undefined
    } catch (cause) {
      return cause instanceof Error ? cause.message : String(cause)
    }
  }
  for (let at = cursor; at < steps.length; ) {
    if (at - cursor >= CALLS) return { restored, next: at }
    const chunk = chunkAt(steps, at)
    if (chunk[0]?.act === 'go on' && restored.length > 0 && steps[at - 1]?.act === 'restore') await sleep(SETTLE_MS)
    const problems = await Promise.all(chunk.map(work))
    const failures = problems.flatMap((problem, i) =>
      problem === undefined ? [] : [{ object: chunk[i]?.object.name ?? '', problem, at: at + i }],
    )
    const [first] = failures
    if (first !== undefined && chunk[0]?.act === 'check')
      return { restored, problems: failures.map(({ object, problem }) => `${object}: ${problem}`) }
    if (first !== undefined) {
      const { object, problem } = first
      return { restored, failed: { object, problem }, next: first.at }
    }
    at += chunk.length
  }
  return { restored }
}

function stepsOf(objects: readonly Restorable[], to: RestoreTo): Step[] {
  const all = (act: Act, list = objects): Step[] => list.map((object) => ({ act, object }))
  const each = (['entity', 'table', 'puller'] as const).flatMap((kind) => objects.filter((one) => one.kind === kind))
  const taken = 'undo' in to ? each.filter(({ name }) => to.undo.has(name)) : each
  const held = objects.filter(({ hold }) => hold !== undefined)
  return [...all('check', taken), ...all('hold', held), ...all('restore', taken), ...all('go on', each)]
}

/** Steps that are done at once: of one kind, and what is restored one by one, so that it is known where it broke. */
function chunkAt(steps: readonly Step[], at: number): readonly Step[] {
  const act = steps[at]?.act
  if (act === 'restore') return steps.slice(at, at + 1)
  const chunk = steps.slice(at, at + AT_ONCE)
  const end = chunk.findIndex((step) => step.act !== act)
  return end === -1 ? chunk : chunk.slice(0, end)
}
