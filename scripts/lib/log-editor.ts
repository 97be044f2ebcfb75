import type { LogEdit, LogShard } from '../../src/offline/index.ts'
import type { IngestAddress } from './ingest-client.ts'

/** Has the shards of a deployment name other files of their logs, over HTTP: nobody else writes a manifest. */
export const logEditor = ({ url, token }: IngestAddress) => ({
  async edit({ entity, epoch, shard }: LogShard, change: LogEdit): Promise<'edited' | 'changed' | 'no log'> {
    const path = `/v1/log/${encodeURIComponent(entity)}/${epoch}/${shard}/edit`
    const headers = {
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    }
    const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(change) })
    const text = await response.text()
    if (response.ok) return 'edited'
    if (response.status === 409) return 'changed'
    throw new Error(`${response.status} from ${url}${path}: ${text.slice(0, 300)}`)
  },
})
