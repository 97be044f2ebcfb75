import { type Refusal, refusal } from '../../contract/index.ts'
import { recordOfKept } from '../kept-record.ts'
import type { SchemaLearner } from './schema-learner.ts'

/**
 * Decodes a record that was kept as a dead letter, by what its format and its registry say now. Undefined for one that holds
 * no event.
 */
export async function recordAgain(
  learner: SchemaLearner,
  payload: string,
): Promise<{ readonly text: string; readonly id?: string } | Refusal | undefined> {
  const record = recordOfKept(payload)
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
