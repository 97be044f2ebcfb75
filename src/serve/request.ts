import { shown } from '../contract/index.ts'
import { type Commit, type Plan, parseCommit, type VectorPlan } from '../plan/index.ts'
import { didYouMean } from '../util/did-you-mean.ts'
import { parseRfc3339 } from '../util/rfc3339.ts'
import { type LookupRequest, MAX_ROWS } from './lookup.ts'
import type { Problem } from './problem.ts'

/** A features request as JSON says it, before it is checked. */
export interface FeaturesBody {
  readonly service?: unknown
  readonly features?: unknown
  readonly entities?: unknown
  readonly at?: unknown
  readonly after?: unknown
  readonly maxStalenessMs?: unknown
}

/** What a body may hold; `metadata` is always given here. */
const MEMBERS = ['service', 'features', 'entities', 'at', 'after', 'metadata', 'maxStalenessMs']
/** A list of features of one request, and what one answer may hold: a shard works on one request at a time. */
const MOST_FEATURES = 1_000
const MOST_VALUES = 100_000

/** Checks a request and compiles it; `nowMs` stands in for an absent `at`. */
export function parseFeaturesRequest(plan: Plan, body: unknown, nowMs: number): LookupRequest | Problem {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return bad(
      'bad_request',
      'The body must be an object such as {"service": "fraud", "entities": [{"user_id": "u1"}]}.',
    )
  }
  const unknown = Object.keys(body).find((name) => !MEMBERS.includes(name))
  if (unknown !== undefined) {
    return bad(
      'unknown_member',
      `The body has "${shortened(unknown)}", which means nothing here.${didYouMean(shortened(unknown), MEMBERS)}`,
    )
  }
  const { service, features, entities, at, after } = body as FeaturesBody
  const vector = vectorOf(plan, service, features)
  if ('status' in vector) return vector
  if (!Array.isArray(entities) || entities.length === 0) {
    const keys = vector.entities.flatMap((entity) => entity.spec.keys.map((key) => `"${key.name}": ...`)).join(', ')
    return bad('bad_entities', `"entities" must be a list of at least one row, such as [{ ${keys} }].`)
  }
  if (entities.length <= MAX_ROWS && entities.length * vector.features.length > MOST_VALUES) {
    const detail = `${entities.length} rows of ${vector.features.length} features; at most ${MOST_VALUES} values in one request. Send several.`
    return { status: 413, code: 'too_many_values', detail }
  }
  const t = at === undefined || at === null ? nowMs : timeOf(at)
  if (t === undefined)
    return bad(
      'bad_at',
      `"at" is ${shown(at)}; expected a time such as "2026-01-01T00:00:00Z", or milliseconds since the epoch.`,
    )
  const commits = commitsOf(after)
  if ('status' in commits) return commits
  const maxStalenessMs = (body as FeaturesBody).maxStalenessMs ?? vector.maxStalenessMs
  if (!isStaleness(maxStalenessMs)) {
    const detail = `"maxStalenessMs" is ${shown(maxStalenessMs)}; expected whole milliseconds from 0, which reads through the shards, to ${LONGEST_STALENESS_MS}.`
    return bad('bad_max_staleness', detail)
  }
  return { vector, entities, t, after: commits, maxStalenessMs }
}

function vectorOf(plan: Plan, service: unknown, features: unknown): VectorPlan | Problem {
  if (typeof service === 'string' && features === undefined) {
    const vector = plan.service(service)
    if (vector) return vector
    return {
      status: 404,
      code: 'unknown_service',
      detail: `There is no feature service "${shortened(service)}".${didYouMean(shortened(service), plan.serviceNames)}`,
    }
  }
  if (
    service === undefined &&
    Array.isArray(features) &&
    features.length > 0 &&
    features.every((name) => typeof name === 'string')
  ) {
    if (features.length > MOST_FEATURES || new Set(features).size < features.length) {
      return bad('bad_features', `"features" is a list of at most ${MOST_FEATURES} names, each once.`)
    }
    const vector = plan.vectorOf(null, features)
    if (typeof vector !== 'string') return vector
    return {
      status: 404,
      code: 'unknown_feature',
      detail: `There is no feature "${shortened(vector)}".${didYouMean(shortened(vector), plan.featureNames)}`,
    }
  }
  return bad('bad_request', 'Name either "service" (a text) or "features" (a list of "view.feature").')
}

/** Commits of one request: each is looked at for each part. */
const MOST_COMMITS = 1_000

/** A day: what is older than that is no copy but history. */
const LONGEST_STALENESS_MS = 86_400_000

const isStaleness = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= LONGEST_STALENESS_MS

/** The last time that a Date can write. */
const LAST_MS = 8.64e15

function timeOf(at: unknown): number | undefined {
  if (typeof at === 'number') return Number.isSafeInteger(at) && at >= 0 && at <= LAST_MS ? at : undefined
  const parsed = typeof at === 'string' ? parseRfc3339(at) : undefined
  return typeof parsed === 'number' ? parsed : undefined
}

function commitsOf(after: unknown): Commit[] | Problem {
  if (after === undefined || after === null) return []
  const texts = Array.isArray(after) ? (after as unknown[]) : [after]
  if (texts.length > MOST_COMMITS)
    return bad(
      'bad_after',
      `"after" holds ${texts.length} commits; at most ${MOST_COMMITS}. Of each shard the greatest is enough.`,
    )
  const commits: Commit[] = []
  for (const text of texts) {
    const commit = typeof text === 'string' ? parseCommit(text) : undefined
    if (commit === undefined) {
      return bad(
        'bad_after',
        `"after" holds ${shown(text)}; expected commits as an ingest answer gives them, such as "weur/user/1/17/4711".`,
      )
    }
    commits.push(commit)
  }
  return commits
}

/** A name as it is compared and said again: a request may hold a megabyte of it, and the comparison is quadratic. */
const shortened = (name: string): string => (name.length > 128 ? `${name.slice(0, 128)}...` : name)

const bad = (code: string, detail: string): Problem => ({ status: 400, code, detail })
