import type { DebeziumFormat, SourceSpec } from '../../engine/index.ts'
import { MAX_EVENT_UNITS } from '../../util/limits.ts'
import { type Refusal, refusal } from '../refusal.ts'
import type { Meanings } from './connect-schema.ts'
import { type Convert, convertOf, isUnavailable } from './debezium-values.ts'
import { CHANGE, type ChangeOp, type Decoded } from './format.ts'
import { Members } from './json-members.ts'
import { PLAIN } from './meaning.ts'
import { tooLarge } from './value-text.ts'

/** The values of a row by their fields' places: JSON that the contract takes. */
export interface Row {
  readonly values: (string | undefined)[]
  /** Places of fields that the database did not send because they did not change. */
  readonly unchanged: number[]
}

/** What is known of a change beside the row; JSON texts. */
export interface ChangeFacts {
  readonly op: ChangeOp
  readonly lsn?: string | undefined
  readonly order?: string | undefined
  readonly time?: string | undefined
}

/** Reads rows of a table in JSON for one source: the columns that are fields, converted as its contract wants them. */
export class RowReader {
  private readonly places: ReadonlyMap<string, number>
  private readonly source: SourceSpec
  private readonly format: DebeziumFormat
  private readonly declared: readonly (Convert | undefined)[]
  private readonly bySchema = new WeakMap<Meanings, readonly (Convert | undefined)[]>()

  constructor(source: SourceSpec, format: DebeziumFormat) {
    this.source = source
    this.format = format
    this.places = new Map(source.fields.map(({ name }, i) => [name, i]))
    this.declared = source.fields.map((field) => convertOf(field, format, undefined))
  }

  /** The row that is the object at `[start, end)`. Of a repeated column the last counts, as in JSON.parse. */
  read(text: string, start: number, end: number, meanings: Meanings | undefined): Row | Refusal {
    const converts = meanings === undefined ? this.declared : this.convertsOf(meanings)
    const values: (string | undefined)[] = this.source.fields.map(() => undefined)
    const columns = new Members(text, start, end)
    while (columns.next()) {
      const place = this.places.get(columns.name())
      if (place !== undefined) values[place] = columns.value()
    }
    if (columns.isBroken) return refusal('bad_json', 'The row is no JSON object, or nested too deep.')
    const unchanged: number[] = []
    for (let i = 0; i < values.length; i++) {
      const raw = values[i]
      if (raw === undefined || raw === 'null') continue
      if (isUnavailable(raw)) {
        values[i] = undefined
        unchanged.push(i)
        continue
      }
      const json = converts[i]?.(raw) ?? raw
      if (typeof json !== 'string') return json
      values[i] = json
    }
    return { values, unchanged }
  }

  private convertsOf(meanings: Meanings): readonly (Convert | undefined)[] {
    const known = this.bySchema.get(meanings)
    if (known !== undefined) return known
    const converts = this.source.fields.map((field) => convertOf(field, this.format, meanings.get(field.name) ?? PLAIN))
    this.bySchema.set(meanings, converts)
    return converts
  }
}

/** Writes rows as events or as changes of a table (see {@link CHANGE}). */
export class RowWriter {
  private readonly labels: readonly string[]
  private readonly names: readonly string[]
  private readonly keys: readonly number[]

  constructor({ fields, changes }: SourceSpec) {
    this.names = fields.map(({ name }) => JSON.stringify(name))
    this.labels = this.names.map((name) => `${name}:`)
    this.keys = (changes?.key ?? []).map((key) => fields.findIndex(({ name }) => name === key))
  }

  event(row: Row): Decoded {
    return sized(`{${this.members(row).join()}}`)
  }

  /** Of a delete the key alone goes on: whether the rest is null or was not sent depends on the table's replica identity. */
  change(row: Row | undefined, facts: ChangeFacts): Decoded {
    const { op, lsn, order, time } = facts
    const isDelete = op === 'd'
    const members =
      row === undefined ? [] : isDelete ? this.keys.flatMap((key) => this.member(row, key)) : this.members(row)
    members.push(`"${CHANGE.op}":"${op}"`)
    if (lsn !== undefined) members.push(`"${CHANGE.lsn}":"${lsn}"`)
    if (order !== undefined) members.push(`"${CHANGE.order}":${order}`)
    if (time !== undefined) members.push(`"${CHANGE.time}":${time}`)
    if (row !== undefined && !isDelete && row.unchanged.length > 0) {
      members.push(`"${CHANGE.unchanged}":[${row.unchanged.map((place) => this.names[place]).join()}]`)
    }
    return sized(`{${members.join()}}`)
  }

  private members(row: Row): string[] {
    const members: string[] = []
    for (let i = 0; i < this.labels.length; i++) {
      const value = row.values[i]
      if (value !== undefined) members.push((this.labels[i] as string) + value)
    }
    return members
  }

  private member(row: Row, place: number): string[] {
    const value = row.values[place]
    return value === undefined ? [] : [`${this.labels[place]}${value}`]
  }
}

function sized(text: string): Decoded {
  if (text.length <= MAX_EVENT_UNITS) return { kind: 'event', text }
  return { kind: 'refused', why: tooLarge(text.length, 'characters', MAX_EVENT_UNITS) }
}
