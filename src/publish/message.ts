import { decodeKey } from '../contract/index.ts'
import {
  type EntitySpec,
  EntityState,
  encodeState,
  type FeatureTopicSpec,
  type FeatureValue,
  jsonText,
  type Status,
  type ViewPlan,
  ViewReader,
} from '../engine/index.ts'
import type { EntityRuntime } from '../plan/index.ts'
import type { CopiedEntity } from '../shard/index.ts'
import type { ProducedRecord } from '../source/index.ts'
import { toBase64 } from '../util/base64.ts'
import { ByteWriter } from '../util/byte-writer.ts'

/** Which of several messages about one entity from one region is the newest: {@link isNewer} compares them. */
export interface TopicVersion {
  /** The region's name: each has a part of the entity of its own, with versions of its own. */
  readonly region: string
  readonly epoch: number
  readonly shard: number
  /** The last commit of the shard that touched the entity. */
  readonly seq: number
  /** The entity's mark, ms. */
  readonly mark: number
  /** Rises when the definition of the topic or of its views changes. */
  readonly revision: number
}

/** A message of a feature topic, as parsed from its JSON. */
export interface TopicMessage {
  readonly topic: string
  readonly entity: string
  readonly key: Readonly<Record<string, unknown>>
  readonly version: TopicVersion
  /** When the values are of: RFC 3339. */
  readonly at: string
  /** By `view.feature`. */
  readonly features?: Readonly<Record<string, unknown>>
  /** Of the features that are not `present`. */
  readonly status?: Readonly<Record<string, Status>>
  /** The features whose value is not exact. */
  readonly inexact?: readonly string[]
  /** Base64 of the canonical state of the entity in these views. */
  readonly state?: string
  /** What was left out because the message would have been too large. */
  readonly omitted?: readonly ('state' | 'features')[]
  /** Nothing of the entity is left in these views. */
  readonly deleted?: true
}

/** Brokers take a record of 1 MB by default, with its key and its framing. */
const MOST_BYTES = 900_000
const writer = new ByteWriter()
const utf8 = new TextEncoder()

/** Writes the messages of one topic. */
export class TopicMessages {
  private readonly spec: FeatureTopicSpec
  private readonly entity: EntityRuntime
  private readonly views: readonly { readonly at: number; readonly reader: ViewReader; readonly since: Float64Array }[]

  /** `sinceOf`: from when on a feature's history is complete, ms. */
  constructor(
    spec: FeatureTopicSpec,
    entity: EntityRuntime,
    sinceOf: (view: ViewPlan, feature: ViewPlan['features'][number]) => number,
  ) {
    this.spec = spec
    this.entity = entity
    this.views = entity.plan.flatMap((plan, at) => {
      if (!spec.views.includes(plan.spec.name)) return []
      const since = Float64Array.from(plan.features, (feature) => sinceOf(plan, feature))
      return [{ at, reader: new ViewReader(plan), since }]
    })
  }

  /**
   * What is told of an entity at a time.
   *
   * @param wasTold false: the topic has never heard of it, so nothing is told when there is nothing of it
   */
  record(
    key: string,
    { state, seq }: CopiedEntity,
    part: TopicPart,
    t: number,
    wasTold: boolean,
  ): ProducedRecord | undefined {
    const { name, entity, state: withState } = this.spec
    const keyText = keyJson(key, this.entity.spec)
    const version: TopicVersion = { ...part, seq, mark: state.mark }
    const about = [
      `"topic":${JSON.stringify(name)}`,
      `"entity":${JSON.stringify(entity)}`,
      `"key":${keyText}`,
      `"version":${JSON.stringify(version)}`,
      `"at":"${new Date(t).toISOString()}"`,
    ]
    if (this.isGone(state)) return wasTold ? { key: keyText, value: object([...about, '"deleted":true']) } : undefined
    const values = this.values(state, t)
    const whole = withState ? [...values, `"state":"${this.state(state)}"`] : values
    const forms = [
      [...about, ...whole],
      ...(withState ? [[...about, ...values, '"omitted":["state"]']] : []),
      [...about, `"omitted":["features"${withState ? ',"state"' : ''}]`],
    ]
    const value = forms.map(object).find((text) => fits(text)) ?? object(forms.at(-1) ?? about)
    return { key: keyText, value }
  }

  /** Whether no row counts in any view, and none is folded into a tile. */
  private isGone({ views }: EntityState): boolean {
    return this.views.every(({ at }) => {
      const view = views[at] ?? null
      if (view === null || view.isEmpty) return true
      const hasLive = ({ length, signs }: { readonly length: number; readonly signs: readonly number[] | null }) =>
        signs === null ? length > 0 : signs.includes(1)
      return (
        !hasLive(view.rows) && view.tracks.every((track) => track.isEmpty) && !(view.tail && hasLive(view.tail.rows))
      )
    })
  }

  private values(state: EntityState, t: number): string[] {
    const features: string[] = []
    const status: string[] = []
    const inexact: string[] = []
    for (const { at, reader, since } of this.views) {
      const out: FeatureValue[] = []
      reader.read(state.views[at] ?? null, state.mark, t, since, out)
      for (const { index, spec, resultType } of reader.plan.features) {
        const found = out[index] as FeatureValue
        const name = JSON.stringify(`${reader.plan.spec.name}.${spec.name}`)
        features.push(`${name}:${jsonText(found.value, resultType)}`)
        if (found.status !== 'present') status.push(`${name}:"${found.status}"`)
        if (!found.exact) inexact.push(name)
      }
    }
    return [
      `"features":${object(features)}`,
      `"status":${object(status)}`,
      ...(inexact.length > 0 ? [`"inexact":[${inexact.join()}]`] : []),
    ]
  }

  /** The state with nothing but these views. */
  private state(whole: EntityState): string {
    return toBase64(stateBytesOf(whole, new Set(this.views.map(({ at }) => at))))
  }
}

/** The part of a version that is the same for all entities of a shard. */
export type TopicPart = Pick<TopicVersion, 'region' | 'epoch' | 'shard' | 'revision'>

/** The canonical bytes of an entity in some views, by their places in its plan. */
export function stateBytesOf(whole: EntityState, views: ReadonlySet<number>): Uint8Array {
  const some = new EntityState(whole.plan)
  some.mark = whole.mark
  some.parts = whole.parts
  whole.views.forEach((view, at) => {
    if (views.has(at)) some.views[at] = view
  })
  encodeState(writer.reset(), some)
  return writer.finish()
}

/** The key of a record: JSON of the entity's keys, sorted by name. Equal keys are equal texts. */
export function keyJson(key: string, { keys }: EntitySpec): string {
  const values = decodeKey(
    key,
    keys.map(({ type }) => type),
  )
  const members = keys.map(({ name, type }, i) => [
    name,
    jsonText(values[i] ?? null, type === 'uuid' ? 'string' : type),
  ])
  return object(members.sort(([a = ''], [b = '']) => (a < b ? -1 : 1)).map(([name, text]) => `"${name}":${text}`))
}

const object = (members: readonly string[]): string => `{${members.join()}}`

/** Every UTF-16 code unit is three bytes at most. */
const fits = (text: string): boolean => text.length * 3 <= MOST_BYTES || utf8.encode(text).length <= MOST_BYTES

/** Whether `a` is newer than `b`, which is of the same entity and region; equal versions are told apart by `at`. */
export function isNewer(a: Pick<TopicMessage, 'version' | 'at'>, b: Pick<TopicMessage, 'version' | 'at'>): boolean {
  for (const name of ['epoch', 'seq', 'revision'] as const) {
    if (a.version[name] !== b.version[name]) return a.version[name] > b.version[name]
  }
  return a.at > b.at
}
