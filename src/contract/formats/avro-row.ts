import type { SourceSpec } from '../../engine/index.ts'
import { type Consume, recordConsumer } from '../avro/consume.ts'
import { jsonReader } from '../avro/read-json.ts'
import type { AvroRecord } from '../avro/schema.ts'
import type { Row } from './debezium-row.ts'

/** Takes rows of one record schema in: {@link values} is the last one, by the places of the source's fields. */
export class AvroRow {
  readonly consume: Consume
  private readonly size: number
  private values: (string | undefined)[] = []

  /** `also` may take in fields of the record that are no fields of the source. */
  constructor(record: AvroRecord, source: SourceSpec, also?: (name: string) => ((json: string) => void) | undefined) {
    this.size = source.fields.length
    const places = new Map(source.fields.map(({ name }, i) => [name, i]))
    const consumeFields = recordConsumer(record, ({ name, schema }) => {
      const place = places.get(name)
      const read = jsonReader(schema, place === undefined ? undefined : source.fields[place])
      const tell = also?.(name)
      if (place === undefined && tell === undefined) return undefined
      return (cursor) => {
        const json = read(cursor)
        if (place !== undefined) this.values[place] = json
        tell?.(json)
      }
    })
    this.consume = (cursor) => {
      this.values = Array.from({ length: this.size }, () => undefined)
      consumeFields(cursor)
    }
  }

  row(): Row {
    return { values: this.values, unchanged: [] }
  }
}
