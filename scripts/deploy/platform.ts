/** What a deployment asks of Cloudflare: Wrangler in truth, a script of answers in tests. Every call throws with the words of who failed. */
import type { WorkerOfPlan } from './plan.ts'

/** A Worker of a region, as Wrangler finds it: by a config and its environment there. */
export interface WorkerAt {
  readonly name: string
  readonly config: string
  readonly region: string
}

export interface UploadOptions {
  /** Regions that are not there yet: bindings to them are left out, for Cloudflare refuses those that lead nowhere. */
  readonly without: readonly string[]
  /** Secrets that the Worker does not have yet, set with the upload. */
  readonly secrets: Readonly<Record<string, string>>
  /** As it stands in the list of deployments. */
  readonly message: string
}

export interface Uploaded {
  readonly versionId: string
  /** Where it answers; empty when it has no address. */
  readonly urls: readonly string[]
  /** What Wrangler warned of although it uploaded: it counts as a failure. */
  readonly warning?: string
}

export interface Platform {
  /** The names of a Worker's secrets; null when there is no such Worker. */
  secretsOf(worker: WorkerAt): Promise<readonly string[] | null>
  /** The version of a Worker that takes all requests, null when there is no such Worker. */
  versionOf(worker: WorkerAt): Promise<string | null>
  /** Where a Worker that is deployed answers; undefined when that cannot be known. */
  addressOf(worker: WorkerAt): Promise<string | undefined>
  /** Whether the account has that bucket of R2. */
  hasBucket(bucket: string): Promise<boolean>
  upload(worker: WorkerOfPlan, options: UploadOptions): Promise<Uploaded>
  rollback(worker: WorkerAt, versionId: string, message: string): Promise<void>
}
