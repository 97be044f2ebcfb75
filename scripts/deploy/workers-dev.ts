/** Where Workers of an account answer at workers.dev. */
import type { Fetch } from './health.ts'

const API = 'https://api.cloudflare.com/client/v4'
const TIMEOUT_MS = 30_000

/**
 * Asks for the account's name at workers.dev, once. Undefined without CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID, and when the API
 * does not say: then `--url` does.
 */
export function workersDev(
  { CLOUDFLARE_API_TOKEN, CLOUDFLARE_ACCOUNT_ID }: Readonly<Record<string, string | undefined>>,
  ask: Fetch = (url, init) => fetch(url, init),
): () => Promise<string | undefined> {
  let asked: Promise<string | undefined> | undefined
  const find = async (): Promise<string | undefined> => {
    if (!CLOUDFLARE_API_TOKEN || !CLOUDFLARE_ACCOUNT_ID) return undefined
    try {
      const headers = { authorization: `Bearer ${CLOUDFLARE_API_TOKEN}` }
      const url = `${API}/accounts/${encodeURIComponent(CLOUDFLARE_ACCOUNT_ID)}/workers/subdomain`
      const response = await ask(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) })
      const { result } = (await response.json()) as { readonly result?: { readonly subdomain?: unknown } | null }
      const name = result?.subdomain
      return typeof name === 'string' && /^[a-z0-9-]+$/.test(name) ? name : undefined
    } catch {
      return undefined
    }
  }
  return () => {
    asked ??= find()
    return asked
  }
}
