import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { ListedObject, ObjectStore, StoredObject } from '../objects.ts'

/** Another process that writes an object holds its lock for a moment; one that was killed leaves it. */
const STALE_LOCK_MS = 10_000
const RETRY_MS = 5

/**
 * A folder, each object a file under its key: the bucket of a local runtime, a copy of one, or any other. A reader never sees
 * half a file: what is written lies beside, under a name with a dot before, until it is renamed. Conditions hold against all that
 * write through this class, in any process; the local runtime's bucket has no part in that, so while it runs only one of the two
 * should write an object.
 *
 * Throws for a key that cannot be a file below the folder.
 *
 * @example
 * const log = new FileObjects('.tidemark/start/r2/tidemark-local')
 * for (const { key } of await log.list('')) console.log(key)
 */
export class FileObjects implements ObjectStore {
  private readonly folder: string
  /** Writes of one object in this process, each after the one before. */
  private readonly queues = new Map<string, Promise<unknown>>()

  constructor(folder: string) {
    this.folder = resolve(folder)
  }

  async get(key: string): Promise<StoredObject | undefined> {
    const bytes = await ifThere(() => readFile(this.fileOf(key)))
    return bytes && { bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length), etag: etagOf(bytes) }
  }

  async put(key: string, bytes: Uint8Array, match?: { readonly etag: string | null }): Promise<boolean> {
    const file = this.fileOf(key)
    return await this.inTurn(file, async () => {
      await mkdir(dirname(file), { recursive: true })
      if (match === undefined) {
        await replace(file, bytes)
        return true
      }
      return await locked(file, async () => {
        const found = await ifThere(() => readFile(file))
        if ((found === undefined ? null : etagOf(found)) !== match.etag) return false
        await replace(file, bytes)
        return true
      })
    })
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const file of keys.map((key) => this.fileOf(key))) await this.inTurn(file, () => ifThere(() => rm(file)))
  }

  async list(prefix: string): Promise<readonly ListedObject[]> {
    const found: ListedObject[] = []
    const walk = async (folder: string): Promise<void> => {
      for (const entry of (await ifThere(() => readdir(join(this.folder, folder), { withFileTypes: true }))) ?? []) {
        const key = `${folder}${entry.name}`
        if (entry.name.startsWith('.')) continue
        if (entry.isDirectory()) {
          if (`${key}/`.startsWith(prefix) || prefix.startsWith(`${key}/`)) await walk(`${key}/`)
        } else if (key.startsWith(prefix)) {
          const file = await ifThere(() => stat(join(this.folder, key)))
          if (file !== undefined) found.push({ key, bytes: file.size, modifiedMs: file.mtimeMs })
        }
      }
    }
    const deepest = prefix.slice(0, prefix.lastIndexOf('/') + 1)
    // A folder that no key is in: nothing begins like this.
    if (deepest === '' || isKey(deepest.slice(0, -1))) await walk(deepest)
    return found.sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  private fileOf(key: string): string {
    if (!isKey(key))
      throw new Error(
        `"${key}" cannot be a file below ${this.folder}: a key has parts with slashes between, none empty or with a dot before.`,
      )
    return join(this.folder, key)
  }

  private async inTurn<T>(file: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.queues.get(file) ?? Promise.resolve()).then(work)
    const settled = turn.catch(() => {})
    this.queues.set(file, settled)
    try {
      return await turn
    } finally {
      if (this.queues.get(file) === settled) this.queues.delete(file)
    }
  }
}

/** On Windows a backslash or a colon would lead elsewhere. */
const isKey = (key: string): boolean =>
  key.split('/').every((part) => part !== '' && !part.startsWith('.') && !/[\0\\:]/.test(part))

/** The MD5 of the bytes, as R2 has it: a manifest that was read from the one is the same in the other. */
const etagOf = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex')

const besideOf = (file: string, name: string): string => join(dirname(file), `.${name}.tmp`)

async function replace(file: string, bytes: Uint8Array): Promise<void> {
  const beside = besideOf(file, randomUUID())
  try {
    const handle = await open(beside, 'wx')
    try {
      await handle.writeFile(bytes)
      // The name must not outlive a power cut that the bytes did not.
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(beside, file)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
}

/** Holds the lock of a file: another one beside it, which only one can make. */
async function locked<T>(file: string, work: () => Promise<T>): Promise<T> {
  const lock = besideOf(file, `${createHash('md5').update(file).digest('hex')}.lock`)
  while (!(await tryMake(lock))) {
    const made = (await ifThere(() => stat(lock)))?.mtimeMs
    if (made !== undefined && Date.now() - made > STALE_LOCK_MS) await rm(lock, { force: true })
    else await new Promise((next) => setTimeout(next, RETRY_MS))
  }
  try {
    return await work()
  } finally {
    await rm(lock, { force: true })
  }
}

async function tryMake(file: string): Promise<boolean> {
  try {
    await (await open(file, 'wx')).close()
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/** A folder is no object, and below a file there is none. */
const ABSENT: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'ERR_FS_EISDIR'])

async function ifThere<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (ABSENT.has(codeOf(error))) return undefined
    throw error
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined)
