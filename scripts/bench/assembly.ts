/** The work of a lookup without its way: finalise and write 20 features of 5 windows, on Node. */
import { isRefusal, keyFromJson } from '../../src/contract/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { wireText } from '../../src/serve/index.ts'
import { MESSAGE_VERSION, MemoryStorage, Shard } from '../../src/shard/index.ts'
import { app } from './app/definitions.ts'
import { DAY_MS, eventStream, eventText, SEED, uidOf } from './data.ts'
import { cpuMicros } from './measure.ts'
import type { Result } from './rows.ts'

const ENTITIES = 256
const EVENTS = 100

export function assembly(): Result {
  const plan = new Plan(app.definitions.spec)
  const entity = plan.entities.get('account')
  const vector = plan.service('wide20')
  if (entity === undefined || vector === undefined) throw new Error('the bench definitions lack account or wide20')
  const nowMs = Date.now()
  const part = { region: 1, epoch: 0, shard: 0 }
  const shard = new Shard({ plan, entity, part, shards: 1, storage: new MemoryStorage(), now: () => nowMs })
  const head = { version: MESSAGE_VERSION, plan: plan.hash }
  const entityOf = (index: number) => index % ENTITIES
  const events = ENTITIES * EVENTS
  const stream = { seed: SEED, events, entity: entityOf, fromMs: nowMs - 7 * DAY_MS, toMs: nowMs, prefix: 'a' }
  for (const event of eventStream(stream)) {
    const message = { source: 'wide_activity', arrivalMs: nowMs, events: `[${eventText(event)}]`, fanout: '1' }
    shard.apply({ ...head, ...message })
  }

  const run = vector.runs[0]?.ref ?? ''
  const reads = Array.from({ length: ENTITIES }, (_, i) => {
    const key = keyFromJson({ uid: uidOf(i) }, entity.spec)
    if (isRefusal(key)) throw new Error(key.message)
    return { ...head, t: nowMs, keys: [key.key], run }
  })
  const parts = [{ region: 'local', ageMs: 0, tier: 'shard' }] as const
  let written = 0
  const us = cpuMicros((index) => {
    const message = reads[index % ENTITIES]
    const answer = message && shard.read(message)
    if (answer === undefined || !('rows' in answer)) throw new Error('the shard of the bench did not answer')
    written += wireText(vector, nowMs, [{ texts: answer.rows, commits: ['local/account/0/0/1'], parts }]).length
  }, 20_000)
  const note = `in Node: Shard.read and wireText of ${ENTITIES} decoded states with ${EVENTS} events, ${Math.round(written / 200_000)} B out`
  return { name: 'lookup.assembly_us', value: us, unit: 'us', note }
}
