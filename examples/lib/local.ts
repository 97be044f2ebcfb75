/** The Workers of an example on workerd, on this machine: started on fresh state, and gone afterwards. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { workerPlans } from '../../scripts/lib/workers.ts'
import { bundleApp, forgetBundles } from '../../scripts/local/app-bundle.ts'
import { freePort } from '../../scripts/local/port.ts'
import { bucketFolder } from '../../scripts/local/r2-service.ts'
import { localServices } from '../../scripts/local/services.ts'
import { startRuntime } from '../../scripts/local/workerd.ts'
import type { Module } from '../../scripts/local/workerd-config.ts'
import { logBucket, type Region } from '../../src/plan/index.ts'
import type { Prediction, PredictRequest } from './predictor.ts'

const TOKEN = 'example'
const MODELS = 'models-of-example'

export interface ExampleApp {
  /** The first one is run here. */
  readonly regions: readonly Region[]
  /** Bundles of the Workers; by default those of this folder, from the root of the repository. */
  readonly folder: string
  readonly modules?: { readonly ingest: readonly Module[]; readonly lookup: readonly Module[] }
}

export class LocalExample {
  /** Labels, sets and models of the run. */
  readonly folder: string
  /** The bucket of the log. */
  readonly log: string
  readonly token = TOKEN
  private readonly urls: Readonly<Record<string, string>>
  private readonly end: () => Promise<void>

  private constructor(stateDir: string, log: string, urls: Readonly<Record<string, string>>, end: () => Promise<void>) {
    this.folder = join(stateDir, 'run')
    this.log = log
    this.urls = urls
    this.end = end
    mkdirSync(this.folder)
  }

  static async start(app: ExampleApp): Promise<LocalExample> {
    return await LocalExample.launch(app).finally(forgetBundles)
  }

  private static async launch({ regions, folder, modules }: ExampleApp): Promise<LocalExample> {
    const [region] = regions
    if (region === undefined) throw new Error('the app declares no region')
    const bundled = await bundle(folder, modules)
    const bundles = workerPlans(region, regions).flatMap((plan) => {
      if (plan.worker === 'console') return []
      const models = { kind: 'r2', name: 'MODELS', bucket: MODELS } as const
      const bindings = plan.worker === 'inference' ? [...plan.bindings, models] : plan.bindings
      return [{ worker: plan.worker, plan: { ...plan, bindings }, modules: bundled[plan.worker] }]
    })
    const secrets = { TOKENS: JSON.stringify({ [TOKEN]: ['*'] }), CONNECTIONS: '{}' }
    const ports = { ingest: await freePort(0), inference: await freePort(0) }
    const stateDir = mkdtempSync(join(tmpdir(), 'tidemark-example-'))
    const forget = () => rmSync(stateDir, { recursive: true, force: true })
    // Also when the run ends by Ctrl-C; workerd ends with this process by itself.
    process.once('exit', forget)
    const runtime = await startRuntime({
      services: localServices(bundles, secrets),
      sockets: [
        { service: 'ingest', port: ports.ingest },
        { service: 'inference', port: ports.inference },
      ],
      stateDir,
    })
    return new LocalExample(stateDir, join(stateDir, bucketFolder(logBucket(region) ?? '')), runtime.urls, async () => {
      await runtime.stop()
      forget()
    })
  }

  async stop(): Promise<void> {
    await this.end()
  }

  get ingestUrl(): string {
    return this.urls.ingest ?? ''
  }

  /** Sends events or changes of a source; they are durable when it returns. Throws when one was refused. */
  async send(
    source: string,
    events: readonly object[],
  ): Promise<{ readonly accepted: number; readonly duplicates: number }> {
    const receipt = await this.post<Receipt>(`${this.ingestUrl}/v1/sources/${source}/events`, events)
    const [refused] = receipt.refused
    if (refused !== undefined) throw new Error(`${source}: an event was refused: ${refused.message}`)
    return receipt
  }

  async predict(model: string, request: PredictRequest): Promise<readonly Prediction[]> {
    const url = `${this.urls.inference}/v1/predict/${model}`
    return (await this.post<{ predictions: readonly Prediction[] }>(url, request)).predictions
  }

  /** Has everything that was accepted written to the log. */
  async flushLog(): Promise<void> {
    await this.post(`${this.ingestUrl}/v1/log/flush`, {})
  }

  /** What a lookup served waits in its isolate for up to ten seconds before it is kept. */
  async untilSampleIsKept(): Promise<void> {
    await new Promise((next) => setTimeout(next, 11_000))
  }

  /** As `wrangler r2 object put` does in a deployment. */
  deployModel(name: string, json: string): void {
    const models = join(this.folder, '..', bucketFolder(MODELS), 'models')
    mkdirSync(models, { recursive: true })
    writeFileSync(join(models, `${name}.json`), json)
  }

  private async post<T>(url: string, body: unknown): Promise<T> {
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
    for (let tries = 1; ; tries++) {
      const signal = AbortSignal.timeout(60_000)
      const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal })
      const text = await response.text()
      if (response.ok) return JSON.parse(text) as T
      const mayTryAgain = response.status === 429 || response.status === 503
      if (!mayTryAgain || tries === 5) throw new Error(`POST ${url}: ${response.status} ${text.slice(0, 500)}`)
      await new Promise((next) => setTimeout(next, 500 * tries))
    }
  }
}

async function bundle(folder: string, modules: ExampleApp['modules']) {
  return {
    ingest: modules?.ingest ?? (await bundleApp(folder, 'ingest')),
    lookup: modules?.lookup ?? (await bundleApp(folder, 'lookup')),
    inference: await bundleApp(folder, 'inference'),
  }
}

interface Receipt {
  readonly accepted: number
  readonly duplicates: number
  readonly refused: readonly { readonly message: string }[]
}
