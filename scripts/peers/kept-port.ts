/** Ports of peers that are started again. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../local/port.ts'

/** What `npm run peers -- up` asks of clients of a peer that has tokens. */
export const LOCAL_TOKEN = 'local-token'

/** A port of a folder: the one that is noted there, else the wanted one or any that is free, which is noted. */
export async function keptPort(dir: string, name: string, wanted: number | undefined): Promise<number> {
  mkdirSync(dir, { recursive: true })
  const file = join(dir, name)
  if (!existsSync(file)) writeFileSync(file, String(wanted ?? (await freePort(0))))
  return Number(readFileSync(file, 'utf8'))
}
