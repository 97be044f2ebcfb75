import { isRefusal, type Refusal } from '../contract/index.ts'
import { formatCommit } from '../plan/index.ts'
import {
  type ApplyAnswer,
  type DeadLetter,
  deadLetter,
  type ShardDirectory,
  type ShardUnavailable,
  type TableClient,
  type TableDirectory,
} from '../shard/index.ts'
import type { Enricher } from './enrich.ts'
import type { EventBatch, RoutedBatch, Router, ShardBatch } from './route.ts'

/** What a sender is told of a request. */
export interface Receipt {
  readonly accepted: number
  readonly duplicates: number
  readonly refused: readonly RefusedEvent[]
  /** Events that another region keeps, and that wait durably to leave for it; absent when there were none. */
  readonly forwarded?: number
  /** Records that held no event, and nothing wrong; absent when there were none. */
  readonly skipped?: number
  /** `region/entity/epoch/shard/seq` of every shard that took part: a read `after` them sees these events. */
  readonly commits: readonly string[]
}

export interface RefusedEvent extends Refusal {
  /** Place in the request. */
  readonly index: number
}

/** Nothing is lost and nothing is counted twice: the whole request may be sent again. */
export interface Undelivered {
  readonly unavailable: ShardUnavailable['unavailable'] | 'shard_failed' | 'queue_full'
  readonly message: string
}

export interface Delivery {
  readonly router: Router
  readonly directory: ShardDirectory
  /** Where the rows of a table go, and what events are enriched with comes from; of any other stream not needed. */
  readonly tables?: TableDirectory
  /** Of a source that is enriched. */
  readonly enricher?: Enricher
  readonly source: string
  /** Keeps what no shard can: durable before the answer. */
  readonly keep: (letters: readonly DeadLetter[]) => Promise<void>
}

/**
 * Takes in a batch of one source: has it enriched, routes its events to shards, waits until all is durable, and adds up what
 * became of each. An event counts as accepted when one of its shards took it, as a duplicate when all of them knew it.
 */
export async function deliver(delivery: Delivery, batch: EventBatch): Promise<Receipt | Refusal | Undelivered> {
  const { router, directory, tables, source, keep } = delivery
  const stamped = await stamp(delivery, batch)
  if ('unavailable' in stamped) return stamped
  const routed = router.route(stamped)
  if (isRefusal(routed)) return routed
  const [answers] = await Promise.all([
    sendAll(router.isTable && tables ? tables : directory, routed.batches),
    keepUnrouted(routed, source, batch, keep),
  ])
  return 'unavailable' in answers ? answers : addUp(routed, answers, router.isTable ? null : directory)
}

/** The batch with what its events are enriched with; out of reach, nothing of it is sent. */
async function stamp({ enricher, tables }: Delivery, batch: EventBatch): Promise<EventBatch | Undelivered> {
  if (enricher === undefined) return batch
  if (tables === undefined) throw new Error('a source that is enriched needs tables')
  return await enricher.stamp(tables, batch)
}

/** Shards of entities, or of a table. */
interface Takers {
  shard(name: string, shard: number): Pick<TableClient, 'apply'>
}

/** Shards side by side, but the messages of one shard in their order: it keeps how far it is. */
async function sendAll(
  directory: Takers,
  batches: readonly ShardBatch[],
): Promise<readonly ApplyAnswer[] | Undelivered> {
  const answers = new Array<ApplyAnswer | Undelivered>(batches.length)
  const lines = new Map<string, number[]>()
  batches.forEach(({ entity, shard }, i) => {
    const place = `${entity.spec.name}/${shard}`
    const line = lines.get(place)
    if (line) line.push(i)
    else lines.set(place, [i])
  })
  const sendLine = async (line: readonly number[]) => {
    for (const i of line) {
      const answer = await send(directory, batches[i] as ShardBatch)
      answers[i] = answer
      if ('unavailable' in answer) return
    }
  }
  await Promise.all([...lines.values()].map(sendLine))
  return answers.find((answer) => answer !== undefined && 'unavailable' in answer) ?? (answers as ApplyAnswer[])
}

async function send(directory: Takers, { entity, shard, message }: ShardBatch): Promise<ApplyAnswer | Undelivered> {
  try {
    return await directory.shard(entity.spec.name, shard).apply(message)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    return { unavailable: 'shard_failed', message: `shard ${entity.spec.name}/${shard} did not answer: ${why}` }
  }
}

/** Letters that leave in one call, by their text, and what a letter has besides its payload: RPC takes 32 MB. */
const KEEP_UNITS = 2 * 1024 * 1024
const LETTER_UNITS = 512

/** Keeps what is refused before any shard has seen it: durable when it is done. */
export async function keepUnrouted(
  { refused }: Pick<RoutedBatch, 'refused'>,
  source: string,
  { arrivalMs }: Pick<EventBatch, 'arrivalMs'>,
  keep: Delivery['keep'],
): Promise<void> {
  let letters: DeadLetter[] = []
  let units = 0
  for (const { why, text, origin } of refused) {
    const letter = deadLetter({ source, ...why, ...origin, arrivalMs, by: 'door', fanout: 1 }, text)
    letters.push(letter)
    units += letter.payload.length + LETTER_UNITS
    if (units < KEEP_UNITS) continue
    await keep(letters)
    letters = []
    units = 0
  }
  if (letters.length > 0) await keep(letters)
}

function addUp(
  { count, batches, refused }: RoutedBatch,
  answers: readonly ApplyAnswer[],
  /** Null for a table, whose shards have no commits that a read could wait for. */
  directory: ShardDirectory | null,
): Receipt {
  const verdicts = new Array<'a' | 'd' | 'r' | undefined>(count)
  const reasons = new Map<number, Refusal>(refused.map(({ index, why }) => [index, why]))
  // An id that one shard knows with another payload is a conflict, whatever the shards that do not know it have done.
  const conflicts = new Set<number>()
  const commits = new Map<string, number>()
  batches.forEach(({ entity, shard, indexes }, b) => {
    const answer = answers[b] as ApplyAnswer
    indexes.forEach((index, i) => {
      const verdict = answer.verdicts[i]
      const known = verdicts[index]
      if (verdict === 'a' || known === undefined || (verdict === 'd' && known === 'r'))
        verdicts[index] = verdict as 'a' | 'd' | 'r'
    })
    for (const { index, ...why } of answer.refused) {
      const place = indexes[index] as number
      if (why.reason === 'conflict') conflicts.add(place)
      if (why.reason === 'conflict' || !reasons.has(place)) reasons.set(place, why)
    }
    if (directory === null) return
    const place = formatCommit(
      { region: directory.region, entity: entity.spec.name, epoch: directory.epoch, shards: 0, shard },
      0,
    )
    const shardPlace = place.slice(0, place.lastIndexOf('/'))
    commits.set(shardPlace, Math.max(commits.get(shardPlace) ?? 0, answer.seq))
  })
  let accepted = 0
  let duplicates = 0
  const list: RefusedEvent[] = []
  for (let index = 0; index < count; index++) {
    const verdict = conflicts.has(index) ? 'r' : verdicts[index]
    if (verdict === 'a') accepted++
    else if (verdict === 'd') duplicates++
    else list.push({ index, ...(reasons.get(index) as Refusal) })
  }
  return { accepted, duplicates, refused: list, commits: [...commits].map(([place, seq]) => `${place}/${seq}`) }
}

/** Whether every shard that a batch goes to would take another one: it is asked to take nothing; tables are asked as ever. */
export async function areWell(delivery: Delivery, batch: EventBatch): Promise<boolean> {
  const { router, directory, tables, keep } = delivery
  const stamped = await stamp(delivery, batch)
  if ('unavailable' in stamped) return false
  const routed = router.route(stamped)
  if (isRefusal(routed)) return false
  try {
    await keep([])
  } catch {
    return false
  }
  const empty = routed.batches.map((one): ShardBatch => {
    const { ids: _, position: __, stamps: ___, ...message } = one.message
    return { ...one, message: { ...message, events: '[]', fanout: '' } }
  })
  return !('unavailable' in (await sendAll(router.isTable && tables ? tables : directory, empty)))
}
