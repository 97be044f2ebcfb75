/** The log of a region as commands change it: through its ingest Worker, which alone has its shards write their manifests. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HttpObjects, type Upkeep } from '../../src/offline/node/index.ts'
import { type IngestAddress, IngestClient } from '../lib/ingest-client.ts'
import { logEditor } from '../lib/log-editor.ts'

export interface LogPlace {
  readonly url: string
  readonly client: IngestClient
  readonly upkeep: Upkeep & { readonly objects: HttpObjects }
  /** Removes what was put on this machine. */
  close(): void
}

export function openPlace(at: IngestAddress, memoryMb: number): LogPlace {
  const client = new IngestClient(at, fetch)
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-log-'))
  return {
    url: at.url,
    client,
    upkeep: { objects: new HttpObjects(at), editor: logEditor(at), folder, memoryMb, now: () => Date.now() },
    close: () => rmSync(folder, { recursive: true, force: true }),
  }
}
