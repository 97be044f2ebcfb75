/** A schema as a registry holds it. Under an id it never changes. */
export interface RegisteredSchema {
  readonly schemaType: 'AVRO' | 'JSON' | 'PROTOBUF'
  /** The schema's own text. */
  readonly schema: string
  /** Texts of the schemas that it refers to, each after those that it refers to itself. */
  readonly references: readonly string[]
}
