/**
 * A deployment: first everything is looked at that can be without changing anything, then stores are migrated, then the Workers
 * follow each other, the owner of the shards first. What fails takes back what was done, in the reverse order.
 */

import { Tokens } from '../../src/serve/index.ts'
import type { WorkerName } from '../lib/workers.ts'
import { askDeployed, deployedProblems, readProblem, UNASKED } from './deployed.ts'
import { type Fetch, shardsState, smokeTest } from './health.ts'
import { type DeployPlan, scopesFor, type WorkerOfPlan } from './plan.ts'
import type { Platform, WorkerAt } from './platform.ts'

/** What brings one store to the schema of this code. */
export interface StoreMigration {
  readonly store: string
  /** Names of the steps that are missing. Throws when the store cannot be reached, or is not ours. */
  pending(): Promise<readonly string[]>
  run(): Promise<void>
}

export interface DeployOptions {
  readonly plan: DeployPlan
  readonly platform: Platform
  readonly migrations: readonly StoreMigration[]
  /** Values of secrets, for a Worker that does not have them yet. */
  readonly secrets: Readonly<Record<string, string | undefined>>
  /** With the scopes `admin` and, for a vector, `read`. */
  readonly token: string | undefined
  /** What is deployed is not compared: for a deployment that mends one which does not answer. */
  readonly unasked?: boolean
  /** Where a Worker answers when Wrangler does not say: behind a route of one's own. */
  readonly urls: Partial<Readonly<Record<WorkerName, string>>>
  readonly fetch: Fetch
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<void>
  readonly say: (line: string) => void
  /** Has something done when the deployment is broken off; gives what takes that back. Default: nothing is. */
  readonly onInterrupt?: (task: () => void) => () => void
}

export interface Outcome {
  readonly ok: boolean
  /** Why it was not started, or what failed. */
  readonly problems: readonly string[]
  /** Workers that run the new code when all is over. */
  readonly deployed: readonly string[]
  /** Workers that were taken back to the version before. */
  readonly rolledBack: readonly string[]
  /** Regions to be deployed after this one. */
  readonly next: readonly string[]
}

/** What Cloudflare has before anything is changed. */
export interface Before {
  readonly versions: ReadonlyMap<string, string | null>
  /** By Worker, what it has no secret of, and who gives it. */
  readonly missing: ReadonlyMap<string, readonly string[]>
  readonly absentRegions: readonly string[]
  readonly pending: ReadonlyMap<string, readonly string[]>
  /** The epoch that is deployed; null when there is none, or when nobody could be asked. */
  readonly epoch: number | null
  readonly problems: readonly string[]
}

/** A busy object may run old code for five minutes after a deploy. */
const SHARDS_WAIT_MS = 10 * 60_000
/** A new address takes a while to be known everywhere. */
const SMOKE_WAIT_MS = 2 * 60_000
/** Shards that take over from large ones which were not copied before. */
const OPENING_WAIT_MS = 30 * 60_000
const POLL_MS = 5_000

/** Workers that name shards by their epoch. */
const NAMES_SHARDS: readonly WorkerName[] = ['ingest', 'lookup']

/** Whether the deployment opens a new epoch, or may: of one that nobody could ask for the worst is assumed. */
const isRaised = (plan: DeployPlan, deployed: number | null): boolean => plan.epoch > (deployed ?? 0)

const atOf = ({ region }: DeployPlan, { name, config }: WorkerOfPlan): WorkerAt => ({ name, config, region })

/** Looks at everything that can be looked at without changing anything. */
export async function lookBefore(options: DeployOptions): Promise<Before> {
  const { plan, platform, migrations, secrets, token } = options
  const versions = new Map<string, string | null>()
  const missing = new Map<string, readonly string[]>()
  const pending = new Map<string, readonly string[]>()
  const problems: string[] = []
  for (const worker of plan.workers) {
    const at = atOf(plan, worker)
    const [version, known] = await Promise.all([platform.versionOf(at), platform.secretsOf(at)])
    versions.set(worker.name, version)
    const lacks = worker.secrets.filter((secret) => !(known ?? []).includes(secret))
    missing.set(worker.name, lacks)
    for (const secret of lacks.filter((name) => secrets[name] === undefined)) {
      const put = `npx wrangler secret put ${secret} --config ${worker.config} --env ${plan.region}`
      const how = known === null ? `give it to the first deployment in the environment variable ${secret}` : put
      problems.push(`${worker.name} has no secret ${secret}: ${how}.`)
    }
  }
  const absentRegions: string[] = []
  const [owner] = plan.workers
  for (const other of plan.others) {
    const at = { name: `the ingest Worker of ${other}`, config: owner?.config ?? '', region: other }
    if ((await platform.versionOf(at)) === null) absentRegions.push(other)
  }
  if (plan.bucket !== null) problems.push(...(await bucketProblems(platform, plan.bucket)))
  for (const migration of migrations) {
    try {
      pending.set(migration.store, await migration.pending())
    } catch (error) {
      problems.push(`store ${migration.store}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  if (token === undefined)
    problems.push(
      `TIDEMARK_TOKEN is missing: a token of the region with the scopes ${scopesFor(plan).join(' and ')}, to see that every shard runs the new code and that a vector is given.`,
    )
  const asked = token === undefined ? { epoch: null, problems: [] } : await lookAtDeployed(options, token, versions)
  // What sets the secret TOKENS now has to know the token that it will be asked with.
  const isSet = [...missing.values()].some((names) => names.includes('TOKENS'))
  if (token !== undefined && isSet) problems.push(...tokenProblems(secrets.TOKENS, token, plan))
  return { versions, missing, absentRegions, pending, epoch: asked.epoch, problems: [...problems, ...asked.problems] }
}

/** A bucket is made by hand, once: where it lies is a choice for good. */
async function bucketProblems(platform: Platform, bucket: string): Promise<string[]> {
  try {
    if (await platform.hasBucket(bucket)) return []
    return [
      `The bucket ${bucket} of the region's log is not there: npx wrangler r2 bucket create ${bucket} (with --location or --jurisdiction where its data have to stay).`,
    ]
  } catch (error) {
    return [`Whether the bucket ${bucket} is there cannot be known: ${error instanceof Error ? error.message : error}`]
  }
}

/** Asks the Workers that are there: what the plan follows on, and whether they know the token. */
async function lookAtDeployed(
  { plan, platform, urls, fetch, unasked = false }: DeployOptions,
  token: string,
  versions: ReadonlyMap<string, string | null>,
): Promise<{ readonly epoch: number | null; readonly problems: readonly string[] }> {
  const addressOf = async (name: WorkerName): Promise<string | null | undefined> => {
    const worker = plan.workers.find((one) => one.worker === name)
    if (worker === undefined || (versions.get(worker.name) ?? null) === null) return null
    return (urls[name] ?? (await platform.addressOf(atOf(plan, worker))))?.replace(/\/$/, '')
  }
  const problems: string[] = []
  let epoch: number | null = null
  const ingest = unasked ? null : await addressOf('ingest')
  if (ingest === undefined)
    problems.push(
      `Where the deployed ingest Worker answers is not known: --url ingest=https://..., or CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID for workers.dev. ${UNASKED}`,
    )
  else if (ingest !== null) {
    const found = await askDeployed(fetch, ingest, token)
    if ('problem' in found) problems.push(found.problem)
    else {
      epoch = found.current.epoch
      problems.push(...deployedProblems(plan, found))
    }
  }
  const lookup = await addressOf('lookup')
  const denied = lookup && plan.vector ? await readProblem(fetch, lookup, token, plan.vector) : undefined
  if (denied !== undefined) problems.push(denied)
  return { epoch, problems }
}

function tokenProblems(tokens: string | undefined, token: string, plan: DeployPlan): string[] {
  // What is wrong with the secret itself is told where it is read first.
  const all = problemFree(() => new Tokens(tokens ?? '{}'))
  return scopesFor(plan)
    .filter((scope) => all?.refuse(`Bearer ${token}`, scope) !== undefined)
    .map((scope) => `TIDEMARK_TOKEN is no token of TOKENS with the scope ${scope}: give it that scope there.`)
}

function problemFree<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

class Stop extends Error {}

export async function deploy(options: DeployOptions): Promise<Outcome> {
  const { plan, platform, migrations, say } = options
  const before = await lookBefore(options)
  const nothing = { deployed: [], rolledBack: [], next: [] }
  if (before.problems.length > 0) return { ok: false, problems: before.problems, ...nothing }
  if (before.absentRegions.length > 0)
    say(`${before.absentRegions.join(' and ')} is not there yet: bindings to it are left out for now.`)

  /** Uploaded Workers, and the version that each has now. */
  const done: { readonly worker: WorkerOfPlan; readonly versionId: string }[] = []
  const isOver = options.onInterrupt?.(() => {
    for (const line of interruptedText(plan, before, done)) say(line)
  })
  try {
    for (const migration of migrations) {
      const steps = before.pending.get(migration.store) ?? []
      if (steps.length === 0) continue
      say(`store ${migration.store}: ${steps.join(', ')}`)
      await migration.run()
    }
    for (const worker of plan.workers) await bringUp(options, before, worker, done)
    for (const { worker, versionId } of done) await expectVersion(options, worker, versionId, 'while this one ran')
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    say(`failed: ${problem}`)
    const back = await rollBack(options, before, done)
    return {
      ok: false,
      problems: [problem, ...back.problems],
      deployed: back.left,
      rolledBack: back.rolledBack,
      next: [],
    }
  } finally {
    isOver?.()
  }
  const isNew = before.versions.get(plan.workers[0]?.name ?? '') === null
  // A region that is new is known to the others by their own deploy: until then they neither read it nor publish to its stores.
  const others = isNew ? plan.others : []
  // And this one is bound to those that were not there once they are.
  const again = before.absentRegions.length > 0 ? [...before.absentRegions, plan.region] : []
  const names = done.map(({ worker }) => worker.name)
  return { ok: true, problems: [], deployed: names, rolledBack: [], next: [...new Set([...others, ...again])] }

  async function expectVersion(
    { platform: asked }: DeployOptions,
    worker: WorkerOfPlan,
    expected: string | null,
    when: string,
  ): Promise<void> {
    const found = await asked.versionOf(atOf(plan, worker))
    if (found === expected) return
    const who = `another deployment of ${plan.region} has put version ${found ?? 'none'} of ${worker.name} there ${when}`
    throw new Stop(`${who} (expected ${expected ?? 'none'}). Let one of them end, then deploy again`)
  }

  async function bringUp(
    all: DeployOptions,
    { versions, missing, absentRegions }: Before,
    worker: WorkerOfPlan,
    list: { worker: WorkerOfPlan; versionId: string }[],
  ): Promise<void> {
    await expectVersion(all, worker, versions.get(worker.name) ?? null, 'since this one began')
    say(`${worker.name}: uploading ${(worker.gzipBytes / 1024).toFixed(1)} KiB`)
    const given = (missing.get(worker.name) ?? []).map((name) => [name, all.secrets[name] ?? ''] as const)
    const { versionId, urls, warning } = await platform.upload(worker, {
      without: absentRegions,
      secrets: Object.fromEntries(given),
      message: `tidemark deploy, plan ${plan.plan}`,
    })
    list.push({ worker, versionId })
    if (warning !== undefined)
      throw new Stop(`wrangler warned of ${worker.name}, and a warning counts as an error:\n${warning}`)
    const url = (all.urls[worker.worker] ?? urls[0])?.replace(/\/$/, '')
    if (worker.durableObjects.length > 0) await untilShardsRun(all, worker, url)
    await untilWell(all, worker, url)
  }

  async function untilShardsRun(
    { fetch, now, sleep, token }: DeployOptions,
    worker: WorkerOfPlan,
    url: string | undefined,
  ) {
    if (url === undefined) {
      const how = `give it by --url ${worker.worker}=https://..., or let Wrangler have a route or workers.dev`
      throw new Stop(`${worker.name} has no address that its shards could be asked at: ${how}`)
    }
    const deadline = now() + SHARDS_WAIT_MS
    let said = ''
    for (;;) {
      const state = await shardsState(fetch, url, token ?? '', plan)
      if (state.kind === 'ready') {
        say(`${worker.name}: all ${state.shards} shards run plan ${plan.plan}`)
        return
      }
      if (state.kind === 'denied') throw new Stop(state.why)
      if (now() >= deadline)
        throw new Stop(`not all shards run the new code after ${SHARDS_WAIT_MS / 60_000} minutes: ${state.why}`)
      if (state.why !== said) say(`${worker.name}: ${state.why}`)
      said = state.why
      await sleep(POLL_MS)
    }
  }

  async function untilWell({ fetch, now, sleep, token }: DeployOptions, worker: WorkerOfPlan, url: string | undefined) {
    if (url === undefined) {
      say(`${worker.name}: it has no address; not tested`)
      return
    }
    const began = now()
    let said = ''
    for (;;) {
      const problem = await smokeTest(fetch, worker.worker, url, token, plan)
      if (problem === undefined) break
      const { why, isOpening } = problem
      const waited = now() - began
      if (waited >= (isOpening ? OPENING_WAIT_MS : SMOKE_WAIT_MS))
        throw new Stop(`the smoke test of ${worker.name} failed: ${why}`)
      if (isOpening && why !== said) say(`${worker.name}: shards are taking over: ${why}`)
      said = why
      await sleep(POLL_MS)
    }
    say(`${worker.name}: answers at ${url}`)
  }
}

/** What a person needs to know who has broken a deployment off: it is left as it stands. */
function interruptedText(
  plan: DeployPlan,
  { versions, epoch }: Before,
  done: readonly { readonly worker: WorkerOfPlan }[],
): string[] {
  const isBackOpen = !isRaised(plan, epoch)
  const isDone = (one: WorkerOfPlan) => done.some(({ worker }) => worker === one)
  const names = (workers: readonly WorkerOfPlan[]) => workers.map(({ name }) => name).join(', ') || 'none'
  const rest = plan.workers.filter((worker) => !isDone(worker))
  const [under] = rest
  const back = done.flatMap(({ worker: { name, config } }) => {
    const previous = versions.get(name) ?? null
    return previous === null ? [] : [`  npx wrangler rollback ${previous} --config ${config} --env ${plan.region}`]
  })
  return [
    `broken off. New: ${names(plan.workers.filter(isDone))}. As before: ${names(rest)}${under ? `, if the upload of ${under.name} was not under way` : ''}.`,
    `Deploy region ${plan.region} again to go on${back.length > 0 && isBackOpen ? '; or go back, the last first:' : '.'}`,
    ...(isBackOpen ? back.toReversed() : []),
  ]
}

/** Takes back what was uploaded, the last first: lookups never run ahead of their shards. */
async function rollBack(
  { plan, platform, say }: DeployOptions,
  { versions, epoch }: Before,
  done: readonly { readonly worker: WorkerOfPlan; readonly versionId: string }[],
): Promise<{ problems: string[]; rolledBack: string[]; left: string[] }> {
  const problems: string[] = []
  const rolledBack: string[] = []
  const left: string[] = []
  // Shards of a new epoch take over when they are first asked, and seal those of before: the versions that know only these would
  // answer "sealed" from then on.
  const stays = (worker: WorkerName) => isRaised(plan, epoch) && NAMES_SHARDS.includes(worker)
  const staying = done.filter(({ worker }) => stays(worker.worker) && (versions.get(worker.name) ?? null) !== null)
  if (staying.length > 0) {
    const names = staying.map(({ worker }) => worker.name).join(' and ')
    problems.push(
      `${names} ${staying.length > 1 ? 'stay' : 'stays'}: shards of epoch ${plan.epoch} may have taken over already, and there is no way back to ${epoch ?? 'the epoch before'}. ` +
        `Forward: mend what failed, or take the code of before with the regions.ts of now, and deploy region ${plan.region} again; shards that are still copying are told by npx tidemark reshard --region ${plan.region}`,
    )
  }
  for (const { worker, versionId } of done.toReversed()) {
    const at = atOf(plan, worker)
    const { name } = worker
    const previous = versions.get(name) ?? null
    const keep = (why: string) => {
      problems.push(why)
      left.push(name)
    }
    try {
      if (staying.some((one) => one.worker === worker)) {
        left.push(name)
        continue
      }
      if (previous === null) {
        keep(
          `${name} was deployed for the first time, so there is no version to go back to: it stays. To take it away: npx wrangler delete --config ${worker.config} --env ${plan.region}`,
        )
        continue
      }
      if ((await platform.versionOf(at)) !== versionId) {
        keep(`${name} was replaced by another deployment: it is left as that one has it`)
        continue
      }
      await platform.rollback(at, previous, `tidemark deploy of plan ${plan.plan} failed`)
      rolledBack.push(name)
      say(`${name}: back to version ${previous}`)
    } catch (error) {
      const how = `npx wrangler rollback ${previous} --config ${worker.config} --env ${plan.region}`
      keep(`${name} could not be rolled back (${error instanceof Error ? error.message : String(error)}): ${how}`)
    }
  }
  return { problems, rolledBack, left }
}
