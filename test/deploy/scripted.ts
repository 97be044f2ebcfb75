/** A Cloudflare that does what a test has written down, and notes what it was asked. */
import type { DeployPlan, WorkerOfPlan } from '../../scripts/deploy/plan.ts'
import type { Platform, Uploaded, UploadOptions } from '../../scripts/deploy/platform.ts'
import type { DeployOptions, StoreMigration } from '../../scripts/deploy/run.ts'
import type { WorkerName } from '../../scripts/lib/workers.ts'

export const PLAN = 'plan-new'
const OLD_PLAN = 'plan-old'
const DEPLOYMENT = 'deployment-new'
export const TOKENS = '{"t0ken": ["*"]}'

const worker = (name: WorkerName, more: Partial<WorkerOfPlan> = {}): WorkerOfPlan => ({
  worker: name,
  name: `tidemark-${name}-weur`,
  config: name === 'ingest' ? 'wrangler.toml' : `workers/${name}/wrangler.toml`,
  gzipBytes: 10_240,
  budgetKiB: 100,
  bindings: [],
  durableObjects: [],
  crons: [],
  secrets: ['TOKENS'],
  links: [],
  ...more,
})

export const plan: DeployPlan = {
  region: 'weur',
  environment: 'production',
  plan: PLAN,
  deployment: DEPLOYMENT,
  workers: [
    worker('ingest', { durableObjects: ['FeatureShard'], secrets: ['TOKENS', 'CONNECTIONS'], links: ['enam'] }),
    worker('lookup', { links: ['enam'] }),
    worker('inference'),
    worker('console', { secrets: [] }),
  ],
  shards: [{ name: 'user', kind: 'entity', shards: 2 }],
  epoch: 0,
  counts: { epoch: 0, entities: { user: 2 }, tables: {} },
  previous: null,
  stores: [],
  bucket: 'tidemark-weur',
  others: ['enam'],
  vector: { service: 'fraud', entity: { user_id: 'nobody' } },
}

export interface Script {
  /** By Worker's name, or `enam` for that region: its version; null when there is none. Default `v1`. */
  readonly versions?: Readonly<Record<string, string | null>>
  /** Secrets of every Worker; null: no Worker is there. Default both. */
  readonly secrets?: readonly string[] | null
  /** What an upload of a Worker does instead of going well. */
  readonly upload?: Partial<Readonly<Record<WorkerName, () => Partial<Uploaded>>>>
  readonly rollback?: () => void
  /** Whether the bucket of the log is there; default true. */
  readonly hasBucket?: () => boolean
  /** How many looks at the shards find old ones; Infinity: all. */
  readonly lateLooks?: number
  /** What they answer as their plan. */
  readonly latePlan?: string
  /** What a request is answered instead, by the beginning of its URL's path at a Worker: `lookup/v1/health`. */
  readonly answers?: Readonly<Record<string, () => Response>>
  readonly migrations?: readonly StoreMigration[]
  readonly given?: Partial<DeployOptions>
}

export class Scripted {
  /** Everything that changed something, in order. */
  readonly log: string[] = []
  readonly said: string[] = []
  readonly uploads: { readonly worker: WorkerName; readonly options: UploadOptions }[] = []
  readonly versions: Map<string, string | null>
  private readonly script: Script
  private nowMs = 0
  private looks = 0
  private numbers = 1

  constructor(script: Script = {}) {
    this.script = script
    const names = [...plan.workers.map(({ name }) => name), 'enam']
    this.versions = new Map(names.map((name) => [name, 'v1']))
    for (const [name, version] of Object.entries(script.versions ?? {})) this.versions.set(name, version)
  }

  get options(): DeployOptions {
    return {
      plan,
      platform: this.platform,
      migrations: this.script.migrations ?? [],
      secrets: {},
      token: 't0ken',
      urls: {},
      fetch: async (url, init) => this.answer(url, init),
      now: () => this.nowMs,
      sleep: async (ms) => {
        this.nowMs += ms
      },
      say: (line) => this.said.push(line),
      ...this.script.given,
    }
  }

  private get platform(): Platform {
    const keyOf = ({ name, region }: { readonly name: string; readonly region: string }) =>
      region === 'weur' ? name : region
    return {
      secretsOf: async () => (this.script.secrets === undefined ? ['TOKENS', 'CONNECTIONS'] : this.script.secrets),
      hasBucket: async () => this.script.hasBucket?.() ?? true,
      versionOf: async (at) => this.versions.get(keyOf(at)) ?? null,
      addressOf: async ({ name }) => `https://${name.split('-')[1]}.example`,
      upload: async (one, options) => {
        this.uploads.push({ worker: one.worker, options })
        this.log.push(`upload ${one.worker}`)
        const more = this.script.upload?.[one.worker]?.() ?? {}
        const versionId = `v${++this.numbers}`
        this.versions.set(one.name, versionId)
        return { versionId, urls: [`https://${one.worker}.example`], ...more }
      },
      rollback: async (at, versionId) => {
        this.script.rollback?.()
        this.log.push(`rollback ${at.name} to ${versionId}`)
        this.versions.set(at.name, versionId)
      },
    }
  }

  private answer(url: string, init: RequestInit): Response {
    const { hostname, pathname } = new URL(url)
    const at = `${hostname.split('.')[0]}${pathname}`
    const scripted = this.script.answers?.[at]
    if (scripted !== undefined) return scripted()
    if (pathname === '/v1/epochs')
      return Response.json({ region: 'weur', current: plan.counts, next: null, previous: null })
    if (pathname === '/v1/shards') {
      const isLate = this.looks++ < (this.script.lateLooks ?? 0)
      const shards = [0, 1].map((shard) => ({
        entity: 'user',
        shard,
        plan: isLate && shard === 1 ? (this.script.latePlan ?? OLD_PLAN) : PLAN,
        deployment: isLate && shard === 1 ? 'deployment-old' : DEPLOYMENT,
      }))
      return Response.json({ shards })
    }
    if (pathname === '/v1/features') return Response.json({ rows: [{ values: [] }], asked: init.body })
    return Response.json({ status: 'ok', region: 'weur', plan: PLAN })
  }
}
