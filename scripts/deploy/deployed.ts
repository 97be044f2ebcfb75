/** What is deployed is asked before anything is changed: its epoch and counts, and whether the token is one that it knows. */

import type { Deployed } from '../reshard/client.ts'
import { countDifferences } from '../reshard/plan.ts'
import { type Fetch, shortly } from './health.ts'
import type { DeployPlan } from './plan.ts'

/** A Worker that does not answer within this counts as one that cannot be asked. */
const TIMEOUT_MS = 30_000

/** What the ingest Worker of before says, or why it could not be asked. */
export async function askDeployed(
  fetch: Fetch,
  url: string,
  token: string,
): Promise<Deployed | { readonly problem: string }> {
  const at = `${url}/v1/epochs`
  try {
    const headers = { authorization: `Bearer ${token}` }
    const response = await fetch(at, { method: 'GET', headers, signal: AbortSignal.timeout(TIMEOUT_MS) })
    const text = await response.text()
    if (isDenied(response))
      return { problem: `${denied(at, response, text)}. TIDEMARK_TOKEN is a token of the region with the scope admin.` }
    if (!response.ok) return { problem: `${at} answered ${response.status}: ${shortly(text)}. ${UNASKED}` }
    return JSON.parse(text) as Deployed
  } catch (error) {
    return { problem: `${at}: ${error instanceof Error ? error.message : String(error)}. ${UNASKED}` }
  }
}

/** What the smoke test of lookup will be refused for, told before; whatever else is wrong with what is deployed is mended by a deployment. */
export async function readProblem(
  fetch: Fetch,
  url: string,
  token: string,
  { service, entity }: NonNullable<DeployPlan['vector']>,
): Promise<string | undefined> {
  try {
    const response = await fetch(`${url}/v1/features`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ service, entities: [entity] }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    if (!isDenied(response)) return undefined
    const why = denied(`${url}/v1/features`, response, await response.text())
    return `${why}. TIDEMARK_TOKEN needs the scope read:${service} too, for the smoke test.`
  } catch {
    return undefined
  }
}

/** Why the plan may not follow on what is deployed: objects are named by epoch and count, and would begin empty. */
export function deployedProblems(plan: DeployPlan, { region, current }: Deployed): string[] {
  const { counts, previous } = plan
  if (region !== plan.region) return [`the ingest Worker that was asked is of region ${region}, not of ${plan.region}.`]
  const at = `region ${region}: epoch`
  if (counts.epoch < current.epoch)
    return [
      `${at} is ${counts.epoch}, and ${current.epoch} is deployed: an epoch never falls, for its shards have accepted events that those of before do not know. ` +
        `Roll back code as you like, but leave epoch, shards and previous of regions.ts as they are deployed.`,
    ]
  if (counts.epoch === current.epoch) {
    const later = `next: { epoch: ${current.epoch + 1}, shards: ... }`
    return countDifferences(counts, current).map(
      (what) => `${at} ${current.epoch}: ${what}: leave shards as they are and write ${later} (docs/operations.md).`,
    )
  }
  if (previous === null || previous.epoch !== current.epoch)
    return [`${at} is ${counts.epoch}, and ${current.epoch} is deployed: deploy ${current.epoch + 1} first.`]
  return countDifferences(previous, current).map(
    (what) => `region ${region}: previous: ${what}: write the counts that are deployed into previous.shards.`,
  )
}

const isDenied = ({ status }: Response): boolean => status === 401 || status === 403
const denied = (at: string, { status }: Response, text: string): string => `${at} answered ${status}: ${shortly(text)}`

/** The way out when what is deployed is broken. */
export const UNASKED =
  'Epoch and shard counts could not be compared with what is deployed; when you are sure of them, --unasked deploys all the same.'
