import { type Meaning, meaningOf } from './meaning.ts'

/** What the columns of a row stand for, by name. */
export type Meanings = ReadonlyMap<string, Meaning>

/** The meanings that an inline schema of Kafka Connect gives: of the rows in an envelope, or of the row itself. */
export interface SchemaMeanings {
  /** Of a record that is the row. */
  readonly row: Meanings
  /** Of `before` and `after`. */
  readonly images: Meanings
}

const NONE: Meanings = new Map()

/** Schemas are the same text in record after record, and only change when a table does. */
const MOST_REMEMBERED = 8

/** Reads inline schemas, each text once. */
export class ConnectSchemas {
  private readonly known = new Map<string, SchemaMeanings>()

  /** `raw` is the JSON of the member `schema`. A schema that cannot be read says nothing. */
  read(raw: string): SchemaMeanings {
    const known = this.known.get(raw)
    if (known !== undefined) return known
    const meanings = parse(raw)
    const [oldest] = this.known.keys()
    if (this.known.size >= MOST_REMEMBERED && oldest !== undefined) this.known.delete(oldest)
    this.known.set(raw, meanings)
    return meanings
  }
}

function parse(raw: string): SchemaMeanings {
  try {
    const schema: unknown = JSON.parse(raw)
    const image = fieldsOf(schema).find(({ field }) => field === 'after' || field === 'before')
    return { row: meaningsOf(schema), images: image === undefined ? NONE : meaningsOf(image) }
  } catch {
    return { row: NONE, images: NONE }
  }
}

function meaningsOf(schema: unknown): Meanings {
  return new Map(fieldsOf(schema).map((field) => [String(field.field), meaningOfField(field)]))
}

/** A list has the meaning of its elements. */
function meaningOfField(field: Fields): Meaning {
  const { items } = field
  const inner = field.type === 'array' && isObject(items) ? items : field
  return meaningOf(inner.name, inner.parameters)
}

type Fields = Readonly<Record<string, unknown>>

function fieldsOf(schema: unknown): readonly Fields[] {
  const fields = isObject(schema) ? schema.fields : undefined
  return Array.isArray(fields) ? fields.filter(isObject) : []
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null
}
