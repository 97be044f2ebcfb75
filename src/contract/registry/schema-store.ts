/** A schema as a registry holds it. Under an id it never changes. */
export interface RegisteredSchema {
  readonly schemaType: 'AVRO' | 'JSON' | 'PROTOBUF'
  /** The schema's own text. */
  readonly schema: string
  /** Texts of the schemas that it refers to, those first that others need. */
  readonly references: readonly string[]
}

/**
 * The writer schemas that are known here, by registry and id. Nothing is ever dropped or replaced: ids are immutable.
 *
 * @example
 * const decoded = decoder.decode(record)
 * if (decoded.kind === 'schema') schemas.add(decoded.registry, decoded.id, await load(decoded))
 */
export class SchemaStore {
  private readonly known = new Map<string, RegisteredSchema>()

  add(registry: string, id: number, schema: RegisteredSchema): void {
    this.known.set(keyOf(registry, id), schema)
  }

  find(registry: string, id: number): RegisteredSchema | undefined {
    return this.known.get(keyOf(registry, id))
  }
}

function keyOf(registry: string, id: number): string {
  return `${id}\n${registry}`
}
