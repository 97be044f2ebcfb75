import { type CheckedEvent, compileContract, type ExactNumbers, isRefusal } from '../contract/index.ts'
import { mapValues, type SourceSpec } from '../engine/index.ts'
import type { Plan, SourceRuntime } from '../plan/index.ts'
import { canonicalJson, parseCanonicalJson } from '../util/canonical-json.ts'
import { murmur32 } from '../util/murmur3.ts'
import type { ShardStorage } from './storage.ts'

/** A contract of the past, in terms of the source as it is now. */
export interface PastContract {
  readonly exactNumbers: ExactNumbers
  /** Reads an accepted event again; undefined for one that the contract would not have taken. */
  readAgain(raw: unknown, id: string | null | undefined): CheckedEvent | undefined
  /** Reads a row of a table again. */
  reread(raw: unknown): CheckedEvent | undefined
}

/**
 * Every contract that journal rows were accepted by. What was accepted stays accepted: after a deploy that changes a source,
 * its rows are read by the contract of their time, and their fields handed to the one of now by name and type.
 */
export class Contracts {
  private readonly known: Map<number, SourceSpec>
  private readonly names = new Map<SourceRuntime, number>()

  constructor(plan: Plan, storage: ShardStorage) {
    const stored = parseCanonicalJson(storage.readMeta('contracts') ?? '[]') as SourceSpec[]
    this.known = new Map(stored.map((spec) => [nameOf(spec), spec]))
    for (const source of plan.sources.values()) {
      const name = nameOf(source.spec)
      this.known.set(name, source.spec)
      this.names.set(source, name)
    }
    if (this.known.size > stored.length) {
      storage.transaction(() => storage.writeMeta('contracts', canonicalJson([...this.known.values()])))
    }
  }

  /** Names the contract that a source has now. */
  nameOf(source: SourceRuntime): number {
    return this.names.get(source) as number
  }

  /** The contract of this name, for events of a source. */
  find(name: number, source: SourceRuntime): PastContract {
    // They were judged when they came; the arrival is put so late that their time cannot be judged again.
    const arrivalMs = Number.MAX_SAFE_INTEGER
    const then = this.known.get(name)
    if (name === this.nameOf(source) || then === undefined) {
      const { exactNumbers, reread } = source.contract
      return { exactNumbers, reread, readAgain: (raw, id) => accepted(source.contract.check(raw, arrivalMs, id)) }
    }
    const contract = compileContract(then)
    const places = source.spec.fields.map((field) =>
      then.fields.findIndex(({ name: other, type }) => other === field.name && type === field.type),
    )
    const { exactNumbers } = contract
    const asNow = (event: CheckedEvent | undefined) =>
      event && { ...event, values: mapValues(places, (place) => event.values[place]) }
    return {
      exactNumbers,
      readAgain: (raw, id) => asNow(accepted(contract.check(raw, arrivalMs, id))),
      reread: (raw) => asNow(contract.reread(raw)),
    }
  }
}

const accepted = (event: ReturnType<ReturnType<typeof compileContract>['check']>): CheckedEvent | undefined =>
  isRefusal(event) ? undefined : event

/** What of a source decides how its events are read. */
function nameOf({ name, fields, id, time, idempotency }: SourceSpec): number {
  return murmur32(canonicalJson({ name, fields, id, time, idempotency }))
}
