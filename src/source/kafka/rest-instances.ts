import { type Caller, failure, jsonOf, type KafkaHttpEnvironment, member, refusedAnswer } from './http-call.ts'
import type { KafkaFailure, PartitionRef, ReadRequest } from './kafka-http.ts'
import type { RestDialect } from './rest-dialects.ts'
import { REST_V2 } from './rest-produce.ts'

/** A consumer that the server keeps for us, assigned to one partition. */
export interface Instance {
  readonly kind: 'instance'
  readonly place: string
  /** `/consumers/{group}/instances/{name}`. The server's `base_uri` is ignored: behind a proxy it points nowhere. */
  readonly path: string
  /** Where its last page ended. */
  position: number
  /** How large a page it had to be asked for; 0 when the usual size was enough. */
  pageBytes: number
}

export interface Instances {
  /** The instance for this read, made when there is none that can go on from here. */
  at(request: ReadRequest, deadlineMs: number): Promise<Instance | KafkaFailure>
  seek(instance: Instance, request: ReadRequest, deadlineMs: number): Promise<'done' | 'lost' | KafkaFailure>
  /** The server has lost it. */
  forget(instance: Instance): void
  /** Lets it go on the server too, without waiting for a server that does not answer. */
  drop(instance: Instance): Promise<void>
  close(): Promise<void>
}

const NAME_RANGE = 2 ** 48
const DROP_MS = 1_000

/** The consumer instances of one connection, one a partition. */
export function instances(call: Caller, environment: KafkaHttpEnvironment, dialect: RestDialect): Instances {
  const { now, random, name } = environment
  const group = name.replace(/[^A-Za-z0-9._-]/g, '-')
  const byPlace = new Map<string, Instance>()

  const forget = (instance: Instance) => {
    if (byPlace.get(instance.place) === instance) byPlace.delete(instance.place)
  }
  const drop = async (instance: Instance) => {
    forget(instance)
    await call({
      method: 'DELETE',
      path: instance.path,
      headers: { 'content-type': REST_V2.control, accept: REST_V2.control },
      deadlineMs: now() + DROP_MS,
    })
  }

  return {
    async at(request, deadlineMs) {
      const known = byPlace.get(placeOf(request))
      if (known !== undefined) {
        if (!dialect.bufferSurvivesSeek || known.position === request.offset) return known
        await drop(known)
      }
      const made = await create(request, deadlineMs)
      if (made.kind === 'instance') byPlace.set(made.place, made)
      return made
    },
    async seek(instance, { topic, partition, offset }, deadlineMs) {
      const offsets = { offsets: [{ topic, partition, offset }] }
      const answer = await control(`${instance.path}/positions`, offsets, deadlineMs)
      if (answer.kind === 'failed') return answer
      if (answer.status === 404) return 'lost'
      return isDone(answer.status) ? 'done' : refusedAnswer(`Seeking to ${offset} in ${topic}/${partition}`, answer)
    },
    forget,
    drop,
    async close() {
      await Promise.all([...byPlace.values()].map(drop))
    },
  }

  async function create(request: ReadRequest, deadlineMs: number): Promise<Instance | KafkaFailure> {
    const { topic, partition, offset } = request
    const what = `Creating a consumer instance for ${topic}/${partition}`
    const own = `${group}-${Math.floor(random() * NAME_RANGE).toString(36)}`
    const answer = await control(`/consumers/${group}`, { name: own, ...dialect.instance }, deadlineMs)
    const parsed = answer.kind === 'failed' ? answer : jsonOf(what, answer)
    if (parsed.kind === 'failed') return parsed
    const id = member(parsed.json, 'instance_id')
    if (typeof id !== 'string' || id === '') return failure(`${what} was answered without its name.`, true)
    const path = `/consumers/${group}/instances/${encodeURIComponent(id)}`
    const made: Instance = { kind: 'instance', place: placeOf(request), path, position: offset, pageBytes: 0 }
    const assigned = await control(`${path}/assignments`, { partitions: [{ topic, partition }] }, deadlineMs)
    if (assigned.kind === 'answer' && isDone(assigned.status)) return made
    await drop(made)
    return assigned.kind === 'failed' ? assigned : refusedAnswer(`Assigning ${topic}/${partition}`, assigned)
  }

  function control(path: string, body: object, deadlineMs: number) {
    return call({
      method: 'POST',
      path,
      headers: { 'content-type': REST_V2.control, accept: REST_V2.control },
      body: JSON.stringify(body),
      deadlineMs,
    })
  }
}

function isDone(status: number): boolean {
  return status === 200 || status === 204
}

function placeOf({ topic, partition }: PartitionRef): string {
  return `${topic}/${partition}`
}
