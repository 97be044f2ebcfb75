import {
  type Decoder,
  decoderOf,
  describeVerdict,
  type RegistryClient,
  refusal,
  SchemaStore,
} from '../../contract/index.ts'
import type { FormatSpec, SourceSpec } from '../../engine/index.ts'
import type { Learned } from './puller.ts'

/** How long a registry's word that it has no such schema is believed: a new one takes a moment to be everywhere. */
const UNKNOWN_MS = 60_000

export interface SchemaLearnerOptions {
  readonly source: SourceSpec
  readonly format: FormatSpec
  /** The client of a registry by its name in the secret CONNECTIONS; undefined when there is none of that name. */
  readonly registryOf: (name: string) => RegistryClient | undefined
  /** ms */
  readonly now: () => number
}

/**
 * The decoder of a source together with the writer schemas it meets: each is fetched once and checked against the contract
 * before any record of it is decoded.
 */
export class SchemaLearner implements Decoder {
  private readonly options: SchemaLearnerOptions
  private readonly schemas = new SchemaStore()
  private readonly decoder: Decoder
  /** Ids that their registry does not know, and until when to believe it. */
  private readonly unknown = new Map<string, { readonly until: number; readonly message: string }>()

  constructor(options: SchemaLearnerOptions) {
    this.options = options
    this.decoder = decoderOf(options.format, options.source, this.schemas)
  }

  readonly decode: Decoder['decode'] = (record) => {
    const decoded = this.decoder.decode(record)
    if (decoded.kind !== 'schema') return decoded
    const unknown = this.unknown.get(`${decoded.registry}/${decoded.id}`)
    if (unknown === undefined || unknown.until < this.options.now()) return decoded
    return { kind: 'refused', why: refusal('unknown_schema', unknown.message) }
  }

  readonly learn = async (registry: string, id: number): Promise<Learned> => {
    const { source, format, registryOf, now } = this.options
    const client = registryOf(registry)
    if (client === undefined) {
      return {
        kind: 'failed',
        message: `the secret CONNECTIONS has no registry "${registry}", which schema ${id} is in`,
      }
    }
    const answer = await client.schemaById(id)
    if (answer.kind === 'failed') return { kind: 'failed', message: answer.message }
    if (answer.kind === 'unknown') {
      const message = `Schema ${id} is not in the registry "${registry}": ${answer.message}`
      this.unknown.set(`${registry}/${id}`, { until: now() + UNKNOWN_MS, message })
      return { kind: 'known', notes: [] }
    }
    const envelope = format.kind === 'debezium' ? 'debezium' : undefined
    // Apart from those that are decoded by, until it is known to fit.
    const trial = new SchemaStore()
    trial.add(registry, id, answer.schema)
    const verdict = trial.verdict(source, registry, id, envelope)
    if (verdict?.kind !== 'compatible') {
      const said = verdict ? describeVerdict({ source: source.name, id }, verdict) : `schema ${id} cannot be checked`
      return { kind: 'unfit', message: said }
    }
    this.schemas.add(registry, id, answer.schema)
    return { kind: 'known', notes: verdict.notes.map((note) => `schema ${id}: ${note}`) }
  }
}
