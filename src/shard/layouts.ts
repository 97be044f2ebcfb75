import {
  compileView,
  type EntityPlan,
  type FieldType,
  identityOf,
  layoutOf,
  mapValues,
  type Value,
  type ViewPlan,
  type ViewSpec,
} from '../engine/index.ts'
import type { EntityRuntime } from '../plan/index.ts'
import { CorruptBytes } from '../util/byte-reader.ts'
import { canonicalJson, parseCanonicalJson } from '../util/canonical-json.ts'
import type { ShardStorage } from './storage.ts'

interface StoredLayout {
  readonly layout: number
  readonly view: ViewSpec
  readonly types: readonly [string, FieldType][]
}

/** How a row that was written by one layout is read now. */
interface RowReader {
  /** How many values were written. */
  readonly fields: number
  /** The view's place in the plan, or -1 when it is gone. */
  readonly view: number
  /** It is of a table: each row says by which part and number it was put in, and whether it is taken out. */
  readonly changes: boolean
  /** The place of each field of the view among those written; null when they are the same. */
  readonly places: readonly number[] | null
}

/**
 * Every definition of a view that this shard has written state by. Rows in a tail name theirs by number, states by hash, so
 * a deploy that changes a view reads what was written before it and carries it over.
 */
export class Layouts {
  /** The views of the entity as they are now. */
  readonly plan: EntityPlan
  /** By number; compiled. */
  private readonly known: ViewPlan[] = []
  private readonly readers: readonly RowReader[]
  /** By place in `plan`. */
  private readonly numbers: number[]
  /** Names of the views that there was a definition of before. */
  private readonly before: ReadonlySet<string>

  constructor(entity: EntityRuntime, storage: ShardStorage) {
    this.plan = entity.plan
    const stored = Number(storage.readMeta('layouts') ?? '0')
    for (let number = 0; number < stored; number++) {
      const text = storage.readMeta(`layout ${number}`)
      if (text === undefined) throw new CorruptBytes(`layout number ${number} of ${stored} is missing`)
      const { layout, view, types } = parseCanonicalJson(text) as StoredLayout
      const current = entity.plan.find((plan) => layoutOf(plan) === layout)
      this.known.push(current ?? compileView(view, new Map(types)))
    }
    this.before = new Set(this.known.map(identityOf))
    this.numbers = entity.plan.map((plan) => {
      const at = this.known.indexOf(plan)
      return at >= 0 ? at : this.known.push(plan) - 1
    })
    this.readers = this.known.map((written) => rowReader(written, entity.plan))
    if (this.known.length > stored) storage.transaction(() => this.store(storage, stored))
  }

  /** Whether the shard had this view when it was opened, or some time before. */
  hadBefore(view: ViewPlan): boolean {
    return this.before.has(identityOf(view))
  }

  /** Everything as it is stored, for another shard that takes over. */
  static rows(storage: Pick<ShardStorage, 'readMeta'>): readonly (readonly [key: string, text: string])[] {
    const count = Number(storage.readMeta('layouts') ?? '0')
    const names = ['layouts', ...Array.from({ length: count }, (_, number) => `layout ${number}`)]
    return names.map((name) => [name, storage.readMeta(name) ?? ''] as const)
  }

  /** A row each: a definition with time zones takes tens of kilobytes, and a row holds 2 MB. */
  private store(storage: ShardStorage, from: number): void {
    this.known.slice(from).forEach((plan, i) => {
      storage.writeMeta(`layout ${from + i}`, canonicalJson(toStored(plan)))
    })
    storage.writeMeta('layouts', String(this.known.length))
  }

  /** The number of a view's layout, by its place in the plan. */
  numberOf(view: number): number {
    return this.numbers[view] as number
  }

  /** Whether the rows of a view are taken back. */
  changes(view: number): boolean {
    return this.plan[view]?.spec.changes === true
  }

  /** How to read a tail's row of this number; undefined for a number that was never given. */
  byNumber(number: number): RowReader | undefined {
    return this.readers[number]
  }

  /** The plan that a state was written by. */
  readonly byHash = (layout: number): ViewPlan | undefined => this.known.find((plan) => layoutOf(plan) === layout)
}

function toStored(plan: ViewPlan): StoredLayout {
  return { layout: layoutOf(plan), view: plan.spec, types: [...plan.types] }
}

function rowReader(written: ViewPlan, plan: EntityPlan): RowReader {
  const view = plan.findIndex((candidate) => identityOf(candidate) === identityOf(written))
  const current = plan[view]
  const places = current?.fields.map((field) =>
    written.fields.findIndex((f) => f.name === field.name && f.type === field.type),
  )
  const isSame = current === written || places === undefined
  const changes = written.spec.changes === true
  return { fields: written.fields.length, view, changes, places: isSame ? null : places }
}

/** A row as the current definition of its view has it. */
export function currentRow({ places }: RowReader, row: readonly Value[]): readonly Value[] {
  return places === null ? row : mapValues(places, (place) => row[place])
}
