import {
  type CheckedEvent,
  type Contract,
  compileContract,
  type EnrichingRows,
  type ExactNumbers,
  isRefusal,
  type Refusal,
} from '../contract/index.ts'
import { mapValues, type SourceSpec } from '../engine/index.ts'
import type { Plan, SourceRuntime } from '../plan/index.ts'
import { canonicalJson, parseCanonicalJson } from '../util/canonical-json.ts'
import { murmur32 } from '../util/murmur3.ts'
import type { ShardStorage } from './storage.ts'

/** A contract that rows were accepted by, in its own terms. */
export interface ThenContract {
  readonly spec: SourceSpec
  readonly exactNumbers: ExactNumbers
  readAgain(raw: unknown, id: string | null | undefined, rows: EnrichingRows): CheckedEvent | undefined
  reread(raw: unknown): CheckedEvent | undefined
}

/** A contract of the past, in terms of the source as it is now. */
export interface PastContract {
  readonly exactNumbers: ExactNumbers
  /** How many rows an event was enriched with. */
  readonly enrichments: number
  /** Reads an accepted event again, with the rows that it was enriched with; undefined for one that the contract would not have taken. */
  readAgain(raw: unknown, id: string | null | undefined, rows: EnrichingRows): CheckedEvent | undefined
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
  private readonly past = new Map<SourceRuntime, Map<number, PastContract>>()
  private readonly asTheyWere = new Map<number, ThenContract>()

  constructor(plan: Plan, storage: Pick<ShardStorage, 'readMeta' | 'writeMeta' | 'transaction'>) {
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
    const past = this.past.get(source) ?? new Map<number, PastContract>()
    const found = past.get(name) ?? this.compile(name, source)
    past.set(name, found)
    this.past.set(source, past)
    return found
  }

  /** The contract of this name in its own terms, also of a source that is gone; undefined for one that was never there. */
  asThen(name: number): ThenContract | undefined {
    const known = this.asTheyWere.get(name)
    const spec = this.known.get(name)
    if (known !== undefined || spec === undefined) return known
    const contract = compileContract(spec)
    const made: ThenContract = {
      spec,
      exactNumbers: contract.exactNumbers,
      reread: contract.reread,
      readAgain: (raw, id, rows) => enriched(contract, contract.check(raw, Number.MAX_SAFE_INTEGER, id), rows),
    }
    this.asTheyWere.set(name, made)
    return made
  }

  private compile(name: number, source: SourceRuntime): PastContract {
    // They were judged when they came; the arrival is put so late that their time cannot be judged again.
    const arrivalMs = Number.MAX_SAFE_INTEGER
    const then = this.known.get(name)
    if (name === this.nameOf(source) || then === undefined) {
      const { contract } = source
      const { exactNumbers, reread } = contract
      return {
        exactNumbers,
        enrichments: enrichmentsOf(source.spec),
        reread,
        readAgain: (raw, id, rows) => enriched(contract, contract.check(raw, arrivalMs, id), rows),
      }
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
      enrichments: enrichmentsOf(then),
      readAgain: (raw, id, rows) => asNow(enriched(contract, contract.check(raw, arrivalMs, id), rows)),
      reread: (raw) => asNow(contract.reread(raw)),
    }
  }
}

const enrichmentsOf = ({ enrich = [] }: SourceSpec): number => enrich.length

function enriched(
  { enrichment }: Contract,
  event: CheckedEvent | Refusal,
  rows: EnrichingRows,
): CheckedEvent | undefined {
  if (isRefusal(event)) return undefined
  return enrichment ? { ...event, values: enrichment.fill(event.values, rows) } : event
}

/** What of a source decides how its events, and the rows that they are enriched with, are read. */
function nameOf({ name, fields, id, time, idempotency, enrich }: SourceSpec): number {
  const columns = enrich?.map((one) => one.columns)
  return murmur32(canonicalJson({ name, fields, id, time, idempotency, columns }))
}
