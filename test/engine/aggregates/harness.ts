import type { Column, Computation, Finalised } from '../../../src/engine/aggregate.ts'
import type { NaiveRow } from '../../../src/engine/naive.ts'
import { compilePredicate } from '../../../src/engine/predicate.ts'
import { Rows } from '../../../src/engine/rows.ts'
import type { FieldType, Value } from '../../../src/engine/spec.ts'
import { ByteReader } from '../../../src/util/byte-reader.ts'
import { ByteWriter } from '../../../src/util/byte-writer.ts'
import type { Random } from '../../support/random.ts'
import { FIELDS, randomFields } from '../../support/streams.ts'

// Columns of a computation, fed by hand as tiles and reads feed them: the algebra alone, without the engine around it.

/** A row with its order key. */
export interface KeyedRow extends NaiveRow {
  readonly part: number
  readonly seq: number
}

const NAMES = [...FIELDS.keys()]

export const typeOf = (field: string): FieldType => {
  const type = FIELDS.get(field)
  if (type === undefined) throw new Error(`no field ${field}`)
  return type
}

export const placeOf = (field: string): number => NAMES.indexOf(field)

export const inOrder = (a: KeyedRow, b: KeyedRow): number => a.time - b.time || a.part - b.part || a.seq - b.seq

const HOSTILE = [0, -0, 5e-324, -5e-324, 2 ** -1022, 1e308, -Number.MAX_VALUE, 0.1, 2 ** 53, 1e-200, 3e200, -1]

/** Rows in order: nulls, ties of time, several parts, numbers from all over the range. */
export function randomRows(r: Random, count: number, spanMs: number, end: number): KeyedRow[] {
  const seqs = [0, 0, 0]
  const tame = r.chance(0.5)
  const rows = Array.from({ length: count }, (): KeyedRow => {
    const part = r.int(0, 2)
    seqs[part] = (seqs[part] ?? 0) + 1
    const fields = randomFields(r)
    const amount = tame ? (r.chance(0.1) ? null : r.int(-500, 500) / 100) : (fields.amount ?? null)
    const hostile = !tame && r.chance(0.3) ? { amount: r.pick(HOSTILE) } : {}
    return { time: end - r.int(1, spanMs), part, seq: seqs[part] ?? 0, fields: { ...fields, amount, ...hostile } }
  })
  return rows.sort(inOrder)
}

function asRows(rows: readonly KeyedRow[]): Rows {
  const result = new Rows(NAMES.length)
  for (const { time, part, seq, fields } of [...rows].sort(inOrder)) {
    const values = NAMES.map((name): Value => fields[name] ?? null)
    result.push(time, part, seq, values)
  }
  return result
}

/** All columns of a computation, with cells side by side. */
export class Cells {
  readonly computation: Computation
  columns: Column[]

  constructor(computation: Computation, cells = 1) {
    this.computation = computation
    this.columns = computation.accumulators.map((accumulator) => accumulator.create(placeOf))
    for (let i = 0; i < cells; i++) this.insert(i)
  }

  insert(at: number): void {
    for (const column of this.columns) column.insert(at)
  }

  update(at: number, list: readonly KeyedRow[]): this {
    return this.feed(list, (column, rows, mask) => column.update(at, rows, 0, rows.length, mask))
  }

  retract(at: number, list: readonly KeyedRow[]): this {
    return this.feed(list, (column, rows, mask) => column.retract?.(at, rows, 0, rows.length, mask))
  }

  private feed(list: readonly KeyedRow[], take: (column: Column, rows: Rows, mask: Uint8Array | null) => void): this {
    const rows = asRows(list)
    this.computation.accumulators.forEach(({ where }, i) => {
      const mask = where === undefined ? null : new Uint8Array(rows.length)
      if (where !== undefined && mask !== null) compilePredicate(where, placeOf)(rows, 0, rows.length, mask)
      take(this.columns[i] as Column, rows, mask)
    })
    return this
  }

  merge(at: number, other: Cells, from: number, to: number): this {
    this.columns.forEach((column, i) => column.merge(at, other.columns[i] as Column, from, to))
    return this
  }

  get canRetract(): boolean {
    return this.columns.every((column) => column.retract !== undefined)
  }

  finalise(at: number, t: number): Finalised {
    const places = this.columns.map(() => at)
    return this.computation.finalise(this.columns, places, { t })
  }

  /** The canonical bytes of all cells. */
  get bytes(): string {
    const out = new ByteWriter()
    for (const column of this.columns) column.encode(out)
    return Buffer.from(out.finish()).toString('hex')
  }

  static decode(computation: Computation, hex: string, cells: number): Cells {
    const result = new Cells(computation, 0)
    const bytes = new ByteReader(Buffer.from(hex, 'hex'))
    for (const column of result.columns) column.decode(bytes, cells)
    if (bytes.at !== bytes.end) throw new Error(`${bytes.end - bytes.at} bytes were left`)
    return result
  }
}
