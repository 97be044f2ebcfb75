import { decodeState, type EntityState, type FeatureTopicSpec } from '../engine/index.ts'
import type { Plan } from '../plan/index.ts'
import { fromBase64 } from '../util/base64.ts'
import { ByteReader } from '../util/byte-reader.ts'
import { isNewer, type TopicMessage } from './message.ts'

/**
 * A copy of a feature topic: what its reader does, as docs/feature-topics.md says it. Records may come twice, and older ones
 * after newer ones; what is kept is of each entity the newest message of each region.
 *
 * @example
 * const copy = new TopicCopy(plan, plan.spec.topics[0])
 * for (const { key, value } of records) copy.take(key, value)
 * copy.state('{"user_id":"u1"}') // with `state: true`: all parts, merged
 */
export class TopicCopy {
  private readonly plan: Plan
  private readonly spec: FeatureTopicSpec
  /** By key, then by region. */
  private readonly parts = new Map<string, Map<string, TopicMessage>>()

  constructor(plan: Plan, spec: FeatureTopicSpec) {
    this.plan = plan
    this.spec = spec
  }

  /** Takes in one record. Says whether it was new; one that is not was a repeat, or older than what is here. */
  take(key: string, value: string): boolean {
    const message = JSON.parse(value) as TopicMessage
    const { region } = message.version
    const parts = this.parts.get(key) ?? new Map<string, TopicMessage>()
    const known = parts.get(region)
    if (known !== undefined && !isNewer(message, known)) return false
    // A delete too: it says that what is older is no more.
    parts.set(region, message)
    this.parts.set(key, parts)
    return true
  }

  /** The newest message of each region about an entity, deletes left out. */
  messages(key: string): TopicMessage[] {
    return [...(this.parts.get(key)?.values() ?? [])].filter(({ deleted }) => deleted !== true)
  }

  get keys(): string[] {
    return [...this.parts.keys()].filter((key) => this.messages(key).length > 0)
  }

  /**
   * The state of an entity from all regions; null when there is nothing of it. Throws when a message came without its state,
   * and `CorruptBytes` for one that is of another definition.
   */
  state(key: string): EntityState | null {
    const entity = this.plan.entities.get(this.spec.entity)
    if (entity === undefined) throw new Error(`no entity ${this.spec.entity}`)
    let whole: EntityState | null = null
    for (const { state, version } of this.messages(key)) {
      const bytes = state === undefined ? undefined : fromBase64(state)
      if (bytes === undefined) throw new Error(`the message about ${key} of ${version.region} came without its state`)
      const part = decodeState(new ByteReader(bytes), entity.plan)
      if (whole === null) whole = part
      else whole.merge(part)
    }
    return whole
  }
}
