import { type Refusal, refusal } from '../../contract/index.ts'
import { fromBase64 } from '../../util/base64.ts'
import { BASE64_PREFIX } from './decode-page.ts'
import type { SchemaLearner } from './schema-learner.ts'

/**
 * Decodes a record that was kept as a dead letter, by what its format and its registry say now. Its key and headers were not
 * kept. Undefined for one that holds no event.
 */
export async function recordAgain(
  learner: SchemaLearner,
  payload: string,
): Promise<{ readonly text: string; readonly id?: string } | Refusal | undefined> {
  const bytes = payload.startsWith(BASE64_PREFIX) ? fromBase64(payload.slice(BASE64_PREFIX.length)) : undefined
  const value = bytes ?? new TextEncoder().encode(payload)
  const record = { key: null, value, headers: new Map(), timestampMs: null, ...(bytes ? {} : { valueText: payload }) }
  let decoded = learner.decode(record)
  if (decoded.kind === 'schema') {
    const learned = await learner.learn(decoded.registry, decoded.id)
    if (learned.kind !== 'known') return refusal('unknown_schema', learned.message)
    decoded = learner.decode(record)
  }
  switch (decoded.kind) {
    case 'event':
      return decoded
    case 'skipped':
      return undefined
    case 'refused':
      return decoded.why
    case 'schema':
      return refusal('unknown_schema', `Schema ${decoded.id} of registry ${decoded.registry} could not be learned.`)
  }
}
