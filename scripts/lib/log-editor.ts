import type { LogEditor } from '../../src/offline/node/index.ts'
import { type IngestAddress, IngestClient } from './ingest-client.ts'

/** Has the shards of a deployment name other files of their logs, over HTTP: nobody else writes a manifest. */
export function logEditor(at: IngestAddress): LogEditor {
  const client = new IngestClient(at, fetch)
  return {
    edit: async ({ entity, epoch, shard }, change) => {
      try {
        await client.ask('POST', `/v1/log/${encodeURIComponent(entity)}/${epoch}/${shard}/edit`, change)
        return 'edited'
      } catch (error) {
        // Somebody was quicker, or an answer was lost: whoever asked looks what is there now.
        if (error instanceof Error && error.message.startsWith('409:')) return 'changed'
        throw error
      }
    },
  }
}
