/** The logs that parity reads: folders as they are, the others brought to a folder of this machine as far as needed. */
import { join } from 'node:path'
import type { ObjectStore } from '../../src/offline/index.ts'
import {
  FileObjects,
  HttpObjects,
  mirrorLog,
  openLog,
  type ParityReport,
  type ShardLog,
} from '../../src/offline/node/index.ts'
import { mirrorOf, mirrorsFolder } from '../lib/fresh-log.ts'
import { IngestClient } from '../lib/ingest-client.ts'
import type { LogPlace } from './options.ts'

/** A region's bucket, open. */
export interface OpenPlace {
  /** The sample and the definitions. */
  readonly store: Pick<ObjectStore, 'get' | 'list'>
  /** The log of some entities as it is now. Throws for one that is damaged. */
  logs(entities: readonly string[]): Promise<readonly ShardLog[]>
  /** Keeps a report beside the log. Gives where. */
  save(report: ParityReport): Promise<string>
}

/** `mirrors`: where logs of addresses are kept from one run to the next. */
export function openPlaces(places: readonly LogPlace[], mirrors = mirrorsFolder): readonly OpenPlace[] {
  return places.map((place): OpenPlace => {
    if ('folder' in place) {
      const objects = new FileObjects(place.folder)
      return {
        store: objects,
        logs: (entities) => openLog(place.folder, { entities }),
        save: async (report) => {
          const key = `parity/tm_day=${report.ranAt.slice(0, 10)}/${Date.parse(report.ranAt)}.json`
          await objects.put(key, new TextEncoder().encode(`${JSON.stringify(report)}\n`))
          return join(place.folder, key)
        },
      }
    }
    const { url } = place.at
    const store = new HttpObjects(place.at)
    const folder = mirrorOf(url, mirrors)
    return {
      store,
      logs: async (entities) => {
        await mirrorLog(store, new FileObjects(folder), entities)
        return await openLog(folder, { entities, isTrusted: true })
      },
      save: async (report) => {
        const { key } = await new IngestClient(place.at, fetch).ask<{ key: string }>('POST', '/v1/log/parity', report)
        return `${key} of ${url}`
      },
    }
  })
}
