import {
  type Decoder,
  decoderOf,
  describeVerdict,
  type ReadBeside,
  type RegistryClient,
  refusal,
  SchemaStore,
  type SchemaVerdict,
} from '../../contract/index.ts'
import type { KafkaIntake, SourceSpec } from '../../engine/index.ts'
import type { Learned } from './puller.ts'

/** How long a registry's word that it has no such schema is believed: a new one takes a moment to be everywhere. */
const UNKNOWN_MS = 60_000

export interface SchemaLearnerOptions {
  readonly source: SourceSpec
  readonly intake: Pick<KafkaIntake, 'topic' | 'format'>
  readonly partition: number
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
    this.decoder = decoderOf(options.intake.format, options.source, this.schemas)
  }

  get beside(): ReadBeside | undefined {
    return this.decoder.beside
  }

  readonly decode: Decoder['decode'] = (record) => {
    const decoded = this.decoder.decode(record)
    if (decoded.kind !== 'schema') return decoded
    const unknown = this.unknown.get(`${decoded.registry}/${decoded.id}`)
    if (unknown === undefined || unknown.until < this.options.now()) return decoded
    return { kind: 'refused', why: refusal('unknown_schema', unknown.message) }
  }

  readonly learn = async (registry: string, id: number): Promise<Learned> => {
    const { source, intake, registryOf, now } = this.options
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
    const envelope = intake.format.kind === 'debezium' ? 'debezium' : undefined
    // Apart from those that are decoded by, until it is known to fit.
    const trial = new SchemaStore()
    trial.add(registry, id, answer.schema)
    const verdict = trial.verdict(source, registry, id, envelope)
    if (verdict?.kind !== 'compatible') {
      return { kind: 'unfit', message: await this.describe(client, id, answer.schema.schema, verdict) }
    }
    this.schemas.add(registry, id, answer.schema)
    return { kind: 'known', notes: verdict.notes.map((note) => `schema ${id}: ${note}`) }
  }

  /** What does not fit, in which version of which subject, how it was written before, and what to do. */
  private async describe(
    client: RegistryClient,
    id: number,
    schema: string,
    verdict: SchemaVerdict | undefined,
  ): Promise<string> {
    const { source, intake } = this.options
    if (verdict === undefined) return `schema ${id} cannot be checked against source ${source.name}`
    const [place] = await client.placesOf(id)
    const said = describeVerdict({ source: source.name, id, ...place }, verdict)
    const before = place && place.version > 1 ? await client.version(place.subject, place.version - 1) : undefined
    const changes =
      before?.kind === 'version' && verdict.kind === 'incompatible'
        ? verdict.mismatches.flatMap(({ field }) => {
            const [was, is] = [fieldType(before.schema.schema, field), fieldType(schema, field)]
            return was === is
              ? []
              : [`  ${field} was ${was ?? 'absent'} in version ${before.version}, and is ${is ?? 'absent'} now.`]
          })
        : []
    const how = [
      'Nothing behind this record is lost. Have the producer go back to a schema that fits, or change the contract of the source and deploy it; then:',
      `  npx tidemark sources resume ${source.name} --partition ${intake.topic}/${this.options.partition}`,
    ]
    return [said, ...changes, ...how].join('\n')
  }
}

/** The type of a top-level field as its schema writes it; undefined where there is none, or the schema is of another kind. */
function fieldType(schema: string, field: string): string | undefined {
  try {
    const { fields, properties } = JSON.parse(schema) as {
      readonly fields?: readonly { readonly name: string; readonly type: unknown }[]
      readonly properties?: Readonly<Record<string, { readonly type?: unknown }>>
    }
    const type = fields?.find(({ name }) => name === field)?.type ?? properties?.[field]?.type
    return type === undefined ? undefined : typeof type === 'string' ? type : JSON.stringify(type)
  } catch {
    return undefined
  }
}
