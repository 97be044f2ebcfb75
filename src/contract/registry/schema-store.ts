import type { SourceSpec } from '../../engine/index.ts'
import { checkRegistered } from './check-registered.ts'
import type { RegisteredSchema } from './registered-schema.ts'
import type { SchemaVerdict } from './verdict.ts'

/**
 * The writer schemas that are known here, by registry and id, and what each is to a source. Nothing is ever replaced: ids
 * are immutable.
 *
 * @example
 * const decoded = decoder.decode(record)
 * if (decoded.kind === 'schema') schemas.add(decoded.registry, decoded.id, await load(decoded))
 */
export class SchemaStore {
  private readonly known = new Map<string, RegisteredSchema>()
  private readonly verdicts = new WeakMap<SourceSpec, Map<string, SchemaVerdict>>()

  add(registry: string, id: number, schema: RegisteredSchema): void {
    this.known.set(keyOf(registry, id), schema)
  }

  find(registry: string, id: number): RegisteredSchema | undefined {
    return this.known.get(keyOf(registry, id))
  }

  /** Whether a source can take records of this schema; undefined while the schema is not known. */
  verdict(source: SourceSpec, registry: string, id: number, envelope?: 'debezium'): SchemaVerdict | undefined {
    const schema = this.find(registry, id)
    if (schema === undefined) return undefined
    const key = `${envelope}\n${keyOf(registry, id)}`
    const verdicts = this.verdicts.get(source) ?? new Map<string, SchemaVerdict>()
    this.verdicts.set(source, verdicts)
    const verdict = verdicts.get(key) ?? checkRegistered(source, schema, envelope)
    verdicts.set(key, verdict)
    return verdict
  }
}

function keyOf(registry: string, id: number): string {
  return `${id}\n${registry}`
}
